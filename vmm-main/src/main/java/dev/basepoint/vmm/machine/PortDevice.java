package dev.basepoint.vmm.machine;

/** A device that the guest reaches by IN and OUT. The rules of {@link MmioDevice} hold. */
public interface PortDevice {
  /**
   * Answers an IN.
   *
   * @param offset from the device's first port
   * @param bytes 1, 2 or 4
   */
  int read(int offset, int bytes);

  /** Carries out an OUT of {@code value}, zero-extended from {@code bytes} bytes. */
  void write(int offset, int bytes, int value);
}
