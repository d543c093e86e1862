package dev.basepoint.device.blk;

import com.sun.management.ThreadMXBean;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.server.TestServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;

/**
 * Throughput of the disk alone: the device's threads and a driver in one process, over a window and
 * eventfds as in production, with the cases of the neutral generator.
 *
 * <pre>
 *   java --enable-native-access=ALL-UNNAMED -cp ... \
 *       dev.basepoint.device.blk.BlkBenchmark [--quick] [tmpfs] ["ext4 buffered"] ["ext4 direct"]
 * </pre>
 *
 * An image's name with " overlay" behind it puts an empty overlay upon the image: reads meet the
 * base until something has been written, and writes copy whole clusters at first and overwrite them
 * later.
 *
 * <p>Prints medians. Figures of a busy or shared machine compare only with others of the same run.
 */
public final class BlkBenchmark {
  private static final long IMAGE_BYTES = 256L << 20;
  private static final int QUEUE_SIZE = 128;
  private static final List<String> IMAGES =
      List.of("tmpfs", "tmpfs overlay", "ext4 buffered", "ext4 buffered overlay", "ext4 direct");

  private enum Op {
    RANDREAD,
    RANDWRITE,
    SEQREAD
  }

  private record Case(Op op, int blockBytes, int depth) {}

  private static final List<Case> CASES =
      List.of(
          new Case(Op.RANDREAD, 4096, 1),
          new Case(Op.RANDREAD, 4096, 8),
          new Case(Op.RANDREAD, 4096, 32),
          new Case(Op.RANDWRITE, 4096, 1),
          new Case(Op.RANDWRITE, 4096, 8),
          new Case(Op.RANDWRITE, 4096, 32),
          new Case(Op.SEQREAD, 128 << 10, 8));

  private final int runs;
  private final long runNanos;
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private BlkBenchmark(boolean quick) {
    runs = quick ? 3 : 5;
    runNanos = quick ? 300_000_000L : 1_000_000_000L;
  }

  /** Runs all cases on tmpfs and on the disk of /var/tmp, buffered and direct. */
  public static void main(String[] args) throws Exception {
    BlkBenchmark benchmark = new BlkBenchmark(List.of(args).contains("--quick"));
    System.out.printf(
        "%-16s %-22s %8s %8s %10s %12s %12s %12s%n",
        "image", "case", "kIOPS", "GB/s", "p99 us", "CPU us/req", "alloc B/req", "I/O threads");
    List<String> chosen = Arrays.stream(args).filter(arg -> !arg.startsWith("--")).toList();
    for (String image : chosen.isEmpty() ? IMAGES : chosen) {
      benchmark.runOn(image);
    }
  }

  private void runOn(String name) throws Exception {
    Path directory = Path.of(name.startsWith("tmpfs") ? "/dev/shm" : "/var/tmp");
    boolean direct = name.contains("direct");
    Path file = Files.createTempFile(directory, "blk-benchmark", ".img");
    try {
      fill(file);
      int flags = OpenFile.O_RDWR | (direct ? OpenFile.O_DIRECT : 0);
      try (Fd image = OpenFile.open(file.toString(), flags);
          Fd overlay = OpenFile.open(directory.toString(), OpenFile.O_TMPFILE | flags, 0600);
          TestServer server = TestServer.inProcess(Main.ROLE)) {
        server.hello();
        List<Fd> layers = name.endsWith("overlay") ? List.of(overlay) : List.of();
        Overlay.create(overlay, IMAGE_BYTES);
        TestDeviceClient client =
            server.configure(
                channel ->
                    new SupervisionRequest.ConfigureBlk(
                        "disk0",
                        channel,
                        image,
                        layers,
                        false,
                        direct,
                        "",
                        1,
                        QUEUE_SIZE,
                        512,
                        true));
        client.start(16L << 20, QUEUE_SIZE);
        Load load = new Load(client, IMAGE_BYTES);
        for (Case one : CASES) {
          measure(name, server, load, one);
        }
        client.close();
      }
    } finally {
      Files.delete(file);
    }
  }

  private static void fill(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer block = ByteBuffer.allocate(1 << 20);
      for (int i = 0; i < block.capacity(); i++) {
        block.put(i, (byte) (i * 31));
      }
      for (long at = 0; at < IMAGE_BYTES; at += block.capacity()) {
        channel.write(block.rewind(), at);
      }
      channel.force(true);
    }
  }

  private void measure(String name, TestServer server, Load load, Case one) throws IOException {
    boolean write = one.op == Op.RANDWRITE;
    boolean random = one.op != Op.SEQREAD;
    load.prepare(one.blockBytes, one.depth, write, random);
    load.run(runNanos);
    double[] rates = new double[runs];
    double[] tails = new double[runs];
    Usage before = usage(server);
    long requests = 0;
    for (int i = 0; i < runs; i++) {
      long start = System.nanoTime();
      long count = load.run(runNanos);
      rates[i] = count * 1e9 / (System.nanoTime() - start);
      tails[i] = load.p99Nanos() / 1e3;
      requests += count;
    }
    Usage after = usage(server);
    long bytes = after.allocatedBytes - before.allocatedBytes;
    long nanos = after.cpuNanos - before.cpuNanos;
    Arrays.sort(rates);
    Arrays.sort(tails);
    double rate = rates[runs / 2];
    System.out.printf(
        "%-16s %-22s %8.1f %8.2f %10.0f %12.2f %12.3f %11.1f%%%n",
        name,
        one.op + " " + (one.blockBytes >> 10) + "K qd" + one.depth,
        rate / 1e3,
        rate * one.blockBytes / 1e9,
        tails[runs / 2],
        nanos / 1e3 / requests,
        (double) bytes / requests,
        100.0 * (after.onIoThread - before.onIoThread) / requests);
  }

  /** What the device's threads have used, and how many requests needed an I/O thread. */
  private record Usage(long cpuNanos, long allocatedBytes, long onIoThread) {}

  private Usage usage(TestServer server) throws IOException {
    long nanos = 0;
    long bytes = 0;
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals("queues") || thread.getName().startsWith("blk-io")) {
        nanos += threads.getThreadCpuTime(thread.threadId());
        bytes += threads.getThreadAllocatedBytes(thread.threadId());
      }
    }
    return new Usage(nanos, bytes, server.counters().get("onIoThread"));
  }
}
