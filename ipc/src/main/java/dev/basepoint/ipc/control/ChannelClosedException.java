package dev.basepoint.ipc.control;

import java.io.IOException;

/**
 * The peer closed the channel, which for a process that holds the only other end means it ended.
 */
public final class ChannelClosedException extends IOException {
  public ChannelClosedException(String message) {
    super(message);
  }
}
