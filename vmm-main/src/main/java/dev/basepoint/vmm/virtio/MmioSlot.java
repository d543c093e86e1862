package dev.basepoint.vmm.virtio;

import dev.basepoint.vmm.virtio.mmio.MmioRegister;

/**
 * Where the guest finds a virtio-mmio device.
 *
 * @param baseGpa of its registers
 * @param gsi its interrupt's pin of the IOAPIC
 */
public record MmioSlot(long baseGpa, int gsi) {
  private static final long FIRST_BASE_GPA = 0xd000_0000L;
  private static final int FIRST_GSI = 5;

  /** The slot of the {@code index}th device, from 0. */
  public static MmioSlot of(int index) {
    return new MmioSlot(
        FIRST_BASE_GPA + (long) index * MmioRegister.RANGE_BYTES, FIRST_GSI + index);
  }

  /** The kernel parameter that makes Linux look here. */
  public String kernelParameter() {
    return "virtio_mmio.device="
        + MmioRegister.RANGE_BYTES / 1024
        + "K@0x"
        + Long.toHexString(baseGpa)
        + ":"
        + gsi;
  }
}
