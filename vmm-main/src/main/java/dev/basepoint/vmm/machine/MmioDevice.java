package dev.basepoint.vmm.machine;

/**
 * A device that the guest reaches through memory-mapped registers.
 *
 * <p>Called on vCPU threads, several at once if the guest does so. Offsets and sizes come from the
 * guest: a device must answer every one of them without throwing, and must not block on anything
 * that the guest or a device server controls.
 */
public interface MmioDevice {
  /**
   * Answers a load.
   *
   * @param offset from the start of the device's range; the access lies wholly inside it
   * @param bytes 1, 2, 4 or 8; unaligned accesses are passed on as they are
   * @return the value, of which the lowest {@code bytes} bytes count
   */
  long read(long offset, int bytes);

  /**
   * Carries out a store.
   *
   * @param value zero-extended from {@code bytes} bytes
   */
  void write(long offset, int bytes, long value);
}
