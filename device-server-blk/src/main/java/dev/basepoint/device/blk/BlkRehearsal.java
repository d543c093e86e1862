package dev.basepoint.device.blk;

import dev.basepoint.ipc.control.SupervisionRequest.ConfigureBlk;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.server.Rehearsal;
import dev.basepoint.ipc.server.RehearsalDriver;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Plays disks through against scratch images in memory: reads and writes on the queue thread, and
 * flushes and zeroing on I/O threads.
 *
 * <pre>
 *   slots   | header | range | status | ... | data
 *           0        16      32             4096
 * </pre>
 */
final class BlkRehearsal implements Rehearsal<ConfigureBlk> {
  private static final int IMAGE_BYTES = 1 << 20;
  private static final int BLOCK_BYTES = 512;
  private static final int HEADER_BYTES = 16;
  private static final int RANGE_OFFSET = HEADER_BYTES;
  private static final int RANGE_BYTES = 16;
  private static final int STATUS_OFFSET = RANGE_OFFSET + RANGE_BYTES;
  private static final int DATA_OFFSET = 4096;
  private static final int DATA_BYTES = 4096;

  @Override
  public int variants() {
    return 2;
  }

  /** A plain image, and one with an overlay, which is what a clone has. */
  @Override
  public ConfigureBlk configuration(Fd channel, int variant) throws IOException {
    Fd image = MemFd.create("rehearsal-image", IMAGE_BYTES);
    List<Fd> layers = List.of();
    if (variant > 0) {
      Fd overlay = MemFd.create("rehearsal-overlay", 0);
      Overlay.create(overlay, IMAGE_BYTES);
      layers = List.of(overlay);
    }
    return new ConfigureBlk(
        "rehearsal", channel, image, layers, false, false, "", 1, 16, BLOCK_BYTES, true);
  }

  @Override
  public int queueCount() {
    return 1;
  }

  @Override
  public void request(RehearsalDriver driver) throws IOException {
    send(driver, VirtioBlk.VIRTIO_BLK_T_OUT);
    send(driver, VirtioBlk.VIRTIO_BLK_T_IN);
    send(driver, VirtioBlk.VIRTIO_BLK_T_FLUSH);
    send(driver, VirtioBlk.VIRTIO_BLK_T_WRITE_ZEROES);
  }

  private static void send(RehearsalDriver driver, int type) throws IOException {
    MemorySegment slots = driver.slots();
    slots.set(ValueLayout.JAVA_INT, 0, type);
    slots.set(ValueLayout.JAVA_LONG, Long.BYTES, 0L);
    DriverQueue queue = driver.queue(0);
    long base = driver.slotsGpa();
    queue.begin();
    queue.add(base, HEADER_BYTES, false);
    switch (type) {
      case VirtioBlk.VIRTIO_BLK_T_OUT -> queue.add(base + DATA_OFFSET, DATA_BYTES, false);
      case VirtioBlk.VIRTIO_BLK_T_IN -> queue.add(base + DATA_OFFSET, DATA_BYTES, true);
      case VirtioBlk.VIRTIO_BLK_T_WRITE_ZEROES -> {
        slots.set(ValueLayout.JAVA_LONG, RANGE_OFFSET, 0L);
        slots.set(ValueLayout.JAVA_INT, RANGE_OFFSET + Long.BYTES, DATA_BYTES / BLOCK_BYTES);
        slots.set(ValueLayout.JAVA_INT, RANGE_OFFSET + Long.BYTES + Integer.BYTES, 0);
        queue.add(base + RANGE_OFFSET, RANGE_BYTES, false);
      }
      default -> {
        // No data.
      }
    }
    queue.add(base + STATUS_OFFSET, 1, true);
    queue.submit();
    driver.roundTrip(0);
    int status = slots.get(ValueLayout.JAVA_BYTE, STATUS_OFFSET);
    if (status != VirtioBlk.VIRTIO_BLK_S_OK) {
      throw new IOException("rehearsed request of type " + type + " got status " + status);
    }
  }
}
