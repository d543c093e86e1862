package dev.basepoint.vmm.virtio.mmio;

/**
 * A device's configuration space, virtio 1.2 §2.5, and its generation. Guarded by its device's
 * lock, so that an access of any width sees one state of it.
 */
public final class ConfigSpace {
  private byte[] bytes = new byte[0];
  private int generation;

  /** Replaces the content; the generation tells drivers that read in several accesses. */
  public void replace(byte[] content) {
    bytes = content.clone();
    generation++;
  }

  /** A copy of the content. */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** How often the content was replaced. */
  public int generation() {
    return generation;
  }

  /** Goes on counting where a saved space stood. */
  public void restoreGeneration(int saved) {
    generation = saved;
  }

  /** Reads little-endian; bytes beyond the end read as 0. */
  long read(long offset, int count) {
    long value = 0;
    for (int i = 0; i < count; i++) {
      if (offset + i < bytes.length) {
        value |= Byte.toUnsignedLong(bytes[(int) offset + i]) << (i * Byte.SIZE);
      }
    }
    return value;
  }

  boolean contains(long offset, int count) {
    return offset >= 0 && offset + count <= bytes.length;
  }

  /** Writes little-endian inside the space; the driver's own writes make no new generation. */
  public void write(int offset, int count, long value) {
    for (int i = 0; i < count; i++) {
      bytes[offset + i] = (byte) (value >>> (i * Byte.SIZE));
    }
  }
}
