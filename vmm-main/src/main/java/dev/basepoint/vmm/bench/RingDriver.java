package dev.basepoint.vmm.bench;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.UsedResult;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * A guest that reads 4 KiB blocks as fast as it is served, keeping a number of requests in flight.
 * Where a guest would take an interrupt it sleeps until the call eventfd is signalled.
 */
final class RingDriver {
  static final int DATA_BYTES = 4096;

  private static final int HEADER_BYTES = 16;
  private static final long SLOT_BYTES = 8192;
  private static final long INTERRUPT_TIMEOUT_SECONDS = 30;

  private final DriverQueue queue;
  private final long heapGpa;
  private final EventFd kick;
  private final EventFd call;

  /** What a run has measured; latencies are sorted. */
  record Figures(double requestsPerSecond, long[] latencyNanos) {
    long percentile(int percent) {
      return latencyNanos[(int) ((latencyNanos.length - 1L) * percent / 100)];
    }
  }

  RingDriver(
      GuestMemory ram,
      RingAddresses rings,
      long features,
      long heapGpa,
      EventFd kick,
      EventFd call) {
    queue = new DriverQueue(ram, rings, features);
    this.heapGpa = heapGpa;
    this.kick = kick;
    this.call = call;
  }

  /** Bytes of guest RAM that {@code depth} requests need from the heap's start on. */
  static long heapBytes(int depth) {
    return depth * SLOT_BYTES;
  }

  Figures run(int depth, int requests) throws IOException {
    long[] submitted = new long[depth];
    int[] slotOfId = new int[queue.queueSize()];
    long[] latencies = new long[requests];
    for (int slot = 0; slot < depth; slot++) {
      slotOfId[submit(slot)] = slot;
      submitted[slot] = System.nanoTime();
    }
    kickIfWanted();
    long started = System.nanoTime();
    int done = 0;
    int left = requests - depth;
    while (done < requests) {
      while (queue.popUsed() == UsedResult.USED) {
        int slot = slotOfId[queue.usedId()];
        long now = System.nanoTime();
        latencies[done++] = now - submitted[slot];
        if (left-- > 0) {
          slotOfId[submit(slot)] = slot;
          submitted[slot] = now;
        }
      }
      kickIfWanted();
      if (done < requests && !queue.enableCalls()) {
        awaitInterrupt();
      }
    }
    double seconds = (System.nanoTime() - started) / (double) TimeUnit.SECONDS.toNanos(1);
    Arrays.sort(latencies);
    return new Figures(requests / seconds, latencies);
  }

  private int submit(int slot) {
    long gpa = heapGpa + slot * SLOT_BYTES;
    queue.begin();
    if (!queue.add(gpa, HEADER_BYTES, false)
        || !queue.add(gpa + SLOT_BYTES / 2, DATA_BYTES, true)
        || !queue.add(gpa + HEADER_BYTES, 1, true)) {
      throw new IllegalStateException("the ring is too small for the depth");
    }
    return queue.submit();
  }

  private void kickIfWanted() {
    if (queue.publish()) {
      kick.signal();
    }
  }

  private void awaitInterrupt() throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(INTERRUPT_TIMEOUT_SECONDS);
    if (!Poll.await(call.fd(), Poll.POLLIN, deadline)) {
      throw new IOException("no interrupt: the device hangs");
    }
    call.drain();
  }
}
