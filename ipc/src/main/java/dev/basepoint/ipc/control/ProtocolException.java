package dev.basepoint.ipc.control;

import java.io.IOException;

/** The peer broke the control protocol; the channel must be closed and the peer's role reported. */
public final class ProtocolException extends IOException {
  public ProtocolException(String message) {
    super(message);
  }

  public ProtocolException(String message, Throwable cause) {
    super(message, cause);
  }
}
