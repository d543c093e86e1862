package dev.basepoint.ipc.server;

import java.io.IOException;

/** The queue thread is held up, presumably by its back end; its device is to be given up. */
final class QueueThreadStuckException extends IOException {
  QueueThreadStuckException(String message, Throwable cause) {
    super(message, cause);
  }
}
