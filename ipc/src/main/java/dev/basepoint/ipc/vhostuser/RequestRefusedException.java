package dev.basepoint.ipc.vhostuser;

import java.io.IOException;

/** A well-formed request that cannot be carried out; the connection goes on if it can be told. */
public final class RequestRefusedException extends IOException {
  public RequestRefusedException(String message) {
    super(message);
  }
}
