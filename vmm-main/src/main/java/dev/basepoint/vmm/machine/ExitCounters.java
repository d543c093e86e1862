package dev.basepoint.vmm.machine;

import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;

/** One vCPU's exits by kind. Its own thread counts, any thread reads; no locked instruction. */
final class ExitCounters {
  static final int PORT_IN = 0;
  static final int PORT_OUT = 1;
  static final int MMIO_READ = 2;
  static final int MMIO_WRITE = 3;

  /** A kick, or a signal of the JVM's own. */
  static final int INTERRUPTED = 4;

  static final int OTHER = 5;

  /** Names in reports, by kind. */
  static final List<String> NAMES =
      List.of(
          "exitsPortIn",
          "exitsPortOut",
          "exitsMmioRead",
          "exitsMmioWrite",
          "exitsInterrupted",
          "exitsOther");

  private final AtomicLongArray counts = new AtomicLongArray(NAMES.size());

  void count(int kind) {
    counts.setOpaque(kind, counts.getPlain(kind) + 1);
  }

  long get(int kind) {
    return counts.getOpaque(kind);
  }
}
