package dev.basepoint.vmm.boot;

import java.io.IOException;

/** A kernel, initrd or command line that this machine cannot boot; the message says why. */
public final class BootException extends IOException {
  public BootException(String message) {
    super(message);
  }
}
