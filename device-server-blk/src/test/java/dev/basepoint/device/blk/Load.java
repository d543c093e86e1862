package dev.basepoint.device.blk;

import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.UsedResult;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/** A driver that keeps a number of equal requests in flight on queue 0, in interrupt mode. */
final class Load {
  private static final int SLOT_HEADER_BYTES = 64;
  private static final int SAMPLES_MAX = 1 << 20;

  private final TestDeviceClient client;
  private final DriverQueue queue;
  private final MemorySegment window;
  private final long slotsGpa;
  private final long imageBytes;
  private final SplittableRandom random = new SplittableRandom(1);
  private final int[] slotOf;
  private final long[] submitted;
  private final int[] latencies = new int[SAMPLES_MAX];
  private int samples;
  private int blockBytes;
  private int depth;
  private boolean write;
  private boolean randomAccess;
  private long nextBlock;

  Load(TestDeviceClient client, long imageBytes) {
    this.client = client;
    this.imageBytes = imageBytes;
    queue = client.driverQueue(0);
    GuestMemory memory = client.memory();
    window = memory.segment(0);
    slotsGpa = client.layout().slotsOffset();
    slotOf = new int[queue.queueSize()];
    submitted = new long[queue.queueSize()];
  }

  void prepare(int block, int inFlight, boolean writes, boolean isRandom) {
    blockBytes = block;
    depth = inFlight;
    write = writes;
    randomAccess = isRandom;
    nextBlock = 0;
  }

  /** Runs for about {@code nanos}; returns the number of completed requests. */
  long run(long nanos) throws IOException {
    samples = 0;
    long end = System.nanoTime() + nanos;
    for (int slot = 0; slot < depth; slot++) {
      submit(slot, System.nanoTime());
    }
    kick();
    long done = 0;
    boolean stopping = false;
    while (queue.inFlight() > 0) {
      UsedResult result = queue.popUsed();
      if (result == UsedResult.USED) {
        done++;
        int slot = slotOf[queue.usedId()];
        check(slot);
        long now = System.nanoTime();
        if (samples < SAMPLES_MAX) {
          latencies[samples++] = (int) (now - submitted[slot]);
        }
        stopping |= now > end;
        if (!stopping) {
          submit(slot, now);
        }
      } else if (result == UsedResult.EMPTY) {
        kick();
        if (!queue.enableCalls()) {
          await();
        }
      } else {
        throw new IOException("the device broke the ring: " + result);
      }
    }
    return done;
  }

  private void await() throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    if (!Poll.await(client.call(0).fd(), Poll.POLLIN, deadline)) {
      throw new IOException("the device is silent");
    }
    client.call(0).drain();
  }

  private void kick() {
    if (queue.publish()) {
      client.kick(0).signal();
    }
  }

  /** Headers and statuses lie together, data page-aligned behind them. */
  private void submit(int slot, long now) {
    long header = slotsGpa + (long) slot * SLOT_HEADER_BYTES;
    long data = slotsGpa + (64 << 10) + (long) slot * blockBytes;
    long blocks = imageBytes / blockBytes;
    long block = randomAccess ? random.nextLong(blocks) : nextBlock++ % blocks;
    window.set(ValueLayout.JAVA_INT, header, write ? RequestBytes.OUT : RequestBytes.IN);
    window.set(ValueLayout.JAVA_LONG, header + 8, block * (blockBytes / 512));
    window.set(ValueLayout.JAVA_BYTE, header + 16, (byte) 0xff);
    queue.begin();
    queue.add(header, 16, false);
    queue.add(data, blockBytes, !write);
    queue.add(header + 16, 1, true);
    int id = queue.submit();
    slotOf[id] = slot;
    submitted[slot] = now;
  }

  private void check(int slot) throws IOException {
    int status = window.get(ValueLayout.JAVA_BYTE, slotsGpa + (long) slot * SLOT_HEADER_BYTES + 16);
    if (status != RequestBytes.OK) {
      throw new IOException("status " + status);
    }
  }

  /** The 99th percentile of the latencies of the last run. */
  int p99Nanos() {
    Arrays.sort(latencies, 0, samples);
    return samples == 0 ? 0 : latencies[(int) (samples * 0.99)];
  }
}
