package dev.basepoint.device.blk;

import dev.basepoint.ipc.server.Counter;
import dev.basepoint.ipc.server.DeviceHost;

/** What a disk counts, besides what the frame does for every device. */
final class BlkCounters {
  /** Upper bounds of the latency buckets: 4 us, then times 4 up to 1 s; the last has none. */
  private static final String[] BUCKETS = {
    "4us", "16us", "64us", "256us", "1ms", "4ms", "16ms", "65ms", "262ms", "1s"
  };

  /** log2 of the first bound in nanoseconds, 4096. */
  private static final int FIRST_BOUND_LOG2 = 12;

  private final Counter requests;
  private final Counter bytesToGuest;
  private final Counter bytesFromGuest;
  private final Counter errors;
  private final Counter reads;
  private final Counter writes;
  private final Counter flushes;
  private final Counter discards;
  private final Counter writeZeroes;
  private final Counter getIds;
  private final Counter unsupported;
  private final Counter refused;
  private final Counter withoutStatus;
  private final Counter ioErrors;
  private final Counter onIoThread;
  private final Counter[] readLatency;
  private final Counter[] writeLatency;
  private final Counter[] flushLatency;

  BlkCounters(DeviceHost host) {
    requests = host.requests();
    bytesToGuest = host.bytesToGuest();
    bytesFromGuest = host.bytesFromGuest();
    errors = host.errors();
    reads = host.counter("reads");
    writes = host.counter("writes");
    flushes = host.counter("flushes");
    discards = host.counter("discards");
    writeZeroes = host.counter("writeZeroes");
    getIds = host.counter("getIds");
    unsupported = host.counter("unsupported");
    refused = host.counter("refused");
    withoutStatus = host.counter("withoutStatus");
    ioErrors = host.counter("ioErrors");
    onIoThread = host.counter("onIoThread");
    readLatency = buckets(host, "reads");
    writeLatency = buckets(host, "writes");
    flushLatency = buckets(host, "flushes");
  }

  private static Counter[] buckets(DeviceHost host, String what) {
    Counter[] counters = new Counter[BUCKETS.length + 1];
    for (int i = 0; i < BUCKETS.length; i++) {
      counters[i] = host.counter(what + "Below" + BUCKETS[i]);
    }
    counters[BUCKETS.length] = host.counter(what + "Above" + BUCKETS[BUCKETS.length - 1]);
    return counters;
  }

  /** A request that needed no image: its type and the status it got. */
  void answered(int status) {
    requests.increment();
    switch (status) {
      case VirtioBlk.VIRTIO_BLK_S_OK -> getIds.increment();
      case VirtioBlk.VIRTIO_BLK_S_UNSUPP -> {
        unsupported.increment();
        errors.increment();
      }
      default -> {
        refused.increment();
        errors.increment();
      }
    }
  }

  /** A chain without a place for a status. */
  void withoutStatus() {
    requests.increment();
    withoutStatus.increment();
    errors.increment();
  }

  /** A request goes to an I/O thread. */
  void handedOver() {
    onIoThread.increment();
  }

  /** The image has served a request, or failed to. */
  void finished(BlkRequest request, boolean ok, long nanos) {
    requests.increment();
    if (!ok) {
      ioErrors.increment();
      errors.increment();
    }
    int bucket = bucket(nanos);
    switch (request.operation) {
      case READ -> {
        reads.increment();
        readLatency[bucket].increment();
        if (ok) {
          bytesToGuest.add(request.byteCount);
        }
      }
      case WRITE -> {
        writes.increment();
        writeLatency[bucket].increment();
        if (ok) {
          bytesFromGuest.add(request.byteCount);
        }
      }
      case FLUSH -> {
        flushes.increment();
        flushLatency[bucket].increment();
      }
      case DISCARD -> discards.increment();
      case WRITE_ZEROES -> writeZeroes.increment();
    }
  }

  private static int bucket(long nanos) {
    int log2 = Long.SIZE - Long.numberOfLeadingZeros(Math.max(0, nanos));
    return Math.clamp((log2 - FIRST_BOUND_LOG2 + 1) / 2, 0, BUCKETS.length);
  }
}
