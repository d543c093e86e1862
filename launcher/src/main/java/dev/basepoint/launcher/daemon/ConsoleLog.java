package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.group.GuestConsole;
import java.util.concurrent.TimeUnit;

/**
 * The last output of a guest, for any number of readers, none of which can hold it up: each says
 * how far it has read, and whoever is too slow misses what was given up.
 */
final class ConsoleLog implements GuestConsole.Sink {
  static final int BYTES_MAX = 256 * 1024;
  private static final int BYTES_MIN = 4 * 1024;

  /**
   * A piece of output.
   *
   * @param position of its first byte since the guest's start
   * @param ended whether no more will come
   */
  record Chunk(long position, byte[] bytes, boolean ended) {}

  /** Byte n of all output is at n modulo the length, which is a power of two. */
  private byte[] ring = new byte[BYTES_MIN];

  private long total;
  private boolean ended;

  @Override
  public synchronized void write(byte[] bytes, int count) {
    while (ring.length < BYTES_MAX && Math.min(total, ring.length) + count > ring.length) {
      grow();
    }
    for (int i = 0; i < count; i++) {
      ring[(int) (total++ & ring.length - 1)] = bytes[i];
    }
    notifyAll();
  }

  private void grow() {
    byte[] larger = new byte[ring.length * 2];
    for (long at = first(); at < total; at++) {
      larger[(int) (at & larger.length - 1)] = ring[(int) (at & ring.length - 1)];
    }
    ring = larger;
  }

  private long first() {
    return Math.max(0, total - ring.length);
  }

  /** No more will come. */
  synchronized void end() {
    ended = true;
    notifyAll();
  }

  /** Bytes of output so far. */
  synchronized long total() {
    return total;
  }

  /**
   * Reads on from {@code position}, or from the oldest that is left.
   *
   * @param bytesMax at most so much
   * @param waitMillis how long to wait for the first byte
   */
  synchronized Chunk read(long position, int bytesMax, long waitMillis)
      throws InterruptedException {
    long deadlineNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(waitMillis);
    while (total <= position && !ended) {
      long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
      if (leftMillis <= 0) {
        break;
      }
      wait(leftMillis);
    }
    long from = Math.min(Math.max(position, first()), total);
    int count = (int) Math.min(bytesMax, total - from);
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = ring[(int) (from + i & ring.length - 1)];
    }
    return new Chunk(from, bytes, ended && from + count == total);
  }
}
