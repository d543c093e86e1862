package dev.basepoint.launcher.group;

/** What was asked for cannot be done to a VM in its present state. */
public final class VmStateException extends Exception {
  /**
   * @param message one sentence that names the VM and its state, and says what to do first
   */
  public VmStateException(String message) {
    super(message);
  }
}
