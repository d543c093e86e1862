package dev.basepoint.vmm.virtio.channel;

/** Exceptions in words. */
final class Reasons {
  private Reasons() {}

  static String of(Exception cause) {
    return cause.getMessage() == null ? cause.toString() : cause.getMessage();
  }
}
