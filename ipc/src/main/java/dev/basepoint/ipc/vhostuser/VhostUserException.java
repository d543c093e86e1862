package dev.basepoint.ipc.vhostuser;

import java.io.IOException;

/** The peer broke the vhost-user protocol; the connection cannot go on. */
public final class VhostUserException extends IOException {
  public VhostUserException(String message) {
    super(message);
  }
}
