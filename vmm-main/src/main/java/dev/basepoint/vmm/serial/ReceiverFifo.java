package dev.basepoint.vmm.serial;

import java.nio.ByteBuffer;

/** Bytes received but not yet read: sixteen with the FIFO enabled, one without. */
final class ReceiverFifo {
  static final int CAPACITY = 16;

  private final byte[] bytes = new byte[CAPACITY];
  private int first;
  private int count;

  int count() {
    return count;
  }

  /** Whether there was room among {@code depth} places. */
  boolean offer(byte value, int depth) {
    if (count >= depth) {
      return false;
    }
    bytes[(first + count) % CAPACITY] = value;
    count++;
    return true;
  }

  /** The oldest byte, unsigned; 0 if there is none, as the register reads then. */
  int poll() {
    if (count == 0) {
      return 0;
    }
    int value = Byte.toUnsignedInt(bytes[first]);
    first = (first + 1) % CAPACITY;
    count--;
    return value;
  }

  void clear() {
    count = 0;
  }

  /** Writes the count and {@link #CAPACITY} bytes. */
  void save(ByteBuffer buffer) {
    buffer.put((byte) count);
    for (int i = 0; i < CAPACITY; i++) {
      buffer.put(bytes[(first + i) % CAPACITY]);
    }
  }

  /** Reads what {@link #save} wrote; more than {@code depth} bytes are cut off. */
  void restore(ByteBuffer buffer, int depth) {
    first = 0;
    count = Math.clamp(buffer.get(), 0, depth);
    buffer.get(bytes);
  }
}
