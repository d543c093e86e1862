package dev.basepoint.vmm.boot.acpi;

/**
 * The header that all tables share (ACPI 6.5 section 5.2.6).
 *
 * <pre>
 *   0           4        8          9          10       16             24             28
 *   +-----------+--------+----------+----------+--------+--------------+--------------+-----------
 *   | signature | length | revision | checksum | OEM id | OEM table id | OEM revision | ...
 *   +-----------+--------+----------+----------+--------+--------------+--------------+-----------
 *   28           32                 36
 *   +------------+------------------+
 *   | creator id | creator revision |
 *   +------------+------------------+
 * </pre>
 */
final class AcpiTable {
  static final int HEADER_BYTES = 36;
  static final String OEM_ID = "BASEPT";

  private static final int CHECKSUM = 9;

  private AcpiTable() {}

  /** Puts the header before {@code body} and makes all bytes sum up to 0. */
  static byte[] finish(String signature, int revision, byte[] body) {
    byte[] table =
        new ByteSink()
            .ascii(signature)
            .u32(HEADER_BYTES + body.length)
            .u8(revision)
            .u8(0)
            .ascii(OEM_ID)
            .ascii("BASEPTVM")
            .u32(1)
            .ascii("BSPT")
            .u32(1)
            .bytes(body)
            .toBytes();
    table[CHECKSUM] = checksum(table, table.length);
    return table;
  }

  /** What makes the first {@code count} bytes sum up to 0, its own place being 0 now. */
  static byte checksum(byte[] bytes, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
      sum += bytes[i];
    }
    return (byte) -sum;
  }
}
