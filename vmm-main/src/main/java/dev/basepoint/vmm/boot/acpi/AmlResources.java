package dev.basepoint.vmm.boot.acpi;

/** A resource template for _CRS (ACPI 6.5 section 6.4). */
final class AmlResources {
  private static final int SMALL_IO_PORT = 0x47;
  private static final int SMALL_END_TAG = 0x79;
  private static final int LARGE_MEMORY_32_FIXED = 0x86;
  private static final int LARGE_EXTENDED_INTERRUPT = 0x89;

  private static final int DECODE_16 = 1;
  private static final int READ_WRITE = 1;
  private static final int CONSUMER = 1;
  private static final int EDGE = 1 << 1;

  private final ByteSink template = new ByteSink();

  /** IO(Decode16, port, port, 0, count). */
  AmlResources io(int port, int count) {
    template.u8(SMALL_IO_PORT).u8(DECODE_16).u16(port).u16(port).u8(0).u8(count);
    return this;
  }

  /** Memory32Fixed(ReadWrite, base, size). */
  AmlResources memory32(long base, long sizeBytes) {
    int bodyBytes = Byte.BYTES + 2 * Integer.BYTES;
    template.u8(LARGE_MEMORY_32_FIXED).u16(bodyBytes).u8(READ_WRITE).u32(base).u32(sizeBytes);
    return this;
  }

  /** Interrupt(ResourceConsumer, Edge, ActiveHigh, Exclusive) {gsi}. */
  AmlResources edgeInterrupt(int gsi) {
    int bodyBytes = 2 * Byte.BYTES + Integer.BYTES;
    template.u8(LARGE_EXTENDED_INTERRUPT).u16(bodyBytes).u8(CONSUMER | EDGE).u8(1).u32(gsi);
    return this;
  }

  /** The finished buffer; a zero checksum in the end tag means "not checked". */
  byte[] toAml() {
    return Aml.buffer(template.u8(SMALL_END_TAG).u8(0).toBytes());
  }
}
