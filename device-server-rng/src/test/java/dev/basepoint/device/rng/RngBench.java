package dev.basepoint.device.rng;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.server.TestServer;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.UsedResult;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What a request to a device server in another process costs, by how the two wait for each other,
 * and how long a server takes to its first request. A main program: figures depend on the host and
 * its mood, so only those of one run are comparable, and the ratios are what counts.
 *
 * <pre>
 *   mvn -q -pl device-server-rng -am test-compile
 *   java --enable-native-access=ALL-UNNAMED -cp CLASSPATH dev.basepoint.device.rng.RngBench
 * </pre>
 */
final class RngBench {
  private static final String MAIN = "dev.basepoint.device.rng.Main";
  private static final String SPIN = "--spin-micros=100";
  private static final int REQUEST_BYTES = 64;
  private static final int WARM_UP_REQUESTS = 30_000;
  private static final long MEASURE_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final int STARTS = 15;

  private RngBench() {}

  /** Prints the tables. */
  public static void main(String[] args) throws IOException {
    say("%d CPUs, load %s".formatted(Runtime.getRuntime().availableProcessors(), load()));
    for (int depth : new int[] {1, 16}) {
      say("%nRing round trips, %d bytes, %d at once".formatted(REQUEST_BYTES, depth));
      say(
          "%-28s %9s %9s %9s %9s %14s"
              .formatted("waiting", "p50 us", "p99 us", "k/s", "ratio", "same CPU"));
      double base = 0;
      for (Mode mode : Mode.values()) {
        Result result = roundTrips(mode, depth);
        base = base == 0 ? result.perSecond : base;
        say(
            "%-28s %9.1f %9.1f %9.1f %9.2f %13.0f%%"
                .formatted(
                    mode.title,
                    result.p50Micros,
                    result.p99Micros,
                    result.perSecond / 1000,
                    result.perSecond / base,
                    result.sameCpu * 100));
      }
    }
    say("%nA new server, %d of each, ms (p50 / max)".formatted(STARTS));
    say(
        "%-28s %18s %28s"
            .formatted("prepared how", "start to ready", "activation to first request"));
    for (String[] preparation :
        new String[][] {{}, {"--warm-up-rounds=20"}, {"--warm-up-rounds=200"}}) {
      starts(preparation);
    }
  }

  /** Who sleeps and who spins. */
  private enum Mode {
    BOTH_SLEEP("both sleep", false, false),
    SERVER_SPINS("server spins 100 us", true, false),
    BOTH_SPIN("both spin", true, true);

    final String title;
    final boolean serverSpins;
    final boolean driverSpins;

    Mode(String title, boolean serverSpins, boolean driverSpins) {
      this.title = title;
      this.serverSpins = serverSpins;
      this.driverSpins = driverSpins;
    }
  }

  private record Result(double p50Micros, double p99Micros, double perSecond, double sameCpu) {}

  private static Result roundTrips(Mode mode, int depth) throws IOException {
    try (TestServer server =
        mode.serverSpins ? TestServer.spawn(MAIN, SPIN) : TestServer.spawn(MAIN)) {
      server.hello();
      try (TestDeviceClient client = configure(server)) {
        DeviceReply.Info info = client.start(1 << 20, 64);
        client.halt();
        client.activate(info.features(), 1 << 20, 64);
        DriverQueue queue = client.driverQueue(0);
        client.call(new DeviceRequest.Run());
        for (int i = 0; i < WARM_UP_REQUESTS; i += depth) {
          batch(client, queue, depth, mode.driverSpins);
        }
        return measure(client, queue, depth, mode.driverSpins, server.process().pid());
      }
    }
  }

  private static TestDeviceClient configure(TestServer server) throws IOException {
    return server.configure(
        channel -> new SupervisionRequest.ConfigureRng("rng0", channel, 0, 4096, 64));
  }

  private static Result measure(
      TestDeviceClient client, DriverQueue queue, int depth, boolean spin, int pid)
      throws IOException {
    long[] nanos = new long[1 << 20];
    int count = 0;
    int samples = 0;
    int together = 0;
    long busy = 0;
    Path queueThread = threadNamed(pid, "queues");
    while (busy < MEASURE_NANOS && count < nanos.length) {
      long began = System.nanoTime();
      batch(client, queue, depth, spin);
      long took = System.nanoTime() - began;
      nanos[count++] = took;
      busy += took;
      if (count % 1000 == 0) {
        samples++;
        together += cpu(queueThread) == cpu(Path.of("/proc/thread-self/stat")) ? 1 : 0;
      }
    }
    Arrays.sort(nanos, 0, count);
    return new Result(
        nanos[count / 2] / 1e3,
        nanos[(int) (count * 0.99)] / 1e3,
        (double) count * depth / busy * 1e9,
        samples == 0 ? 0 : (double) together / samples);
  }

  private static void batch(TestDeviceClient client, DriverQueue queue, int depth, boolean spin)
      throws IOException {
    for (int i = 0; i < depth; i++) {
      queue.begin();
      queue.add(client.layout().slotsOffset() + (long) i * REQUEST_BYTES, REQUEST_BYTES, true);
      queue.submit();
    }
    if (spin) {
      queue.disableCalls();
    }
    if (queue.publish()) {
      client.kick(0).signal();
    }
    long deadline = System.nanoTime() + TestServer.GENEROUS.toNanos();
    while (queue.inFlight() > 0) {
      UsedResult result = queue.popUsed();
      if (result.isFault()) {
        throw new IOException(result.toString());
      }
      if (result == UsedResult.EMPTY) {
        if (spin) {
          Thread.onSpinWait();
        } else if (!queue.enableCalls()) {
          if (!Poll.await(client.call(0).fd(), Poll.POLLIN, deadline)) {
            throw new IOException("no answer");
          }
          client.call(0).drain();
        }
      }
    }
  }

  private static void starts(String... arguments) throws IOException {
    List<Double> ready = new ArrayList<>();
    List<Double> first = new ArrayList<>();
    for (int i = 0; i < STARTS; i++) {
      long began = System.nanoTime();
      try (TestServer server = TestServer.spawn(MAIN, arguments)) {
        server.hello();
        ready.add((System.nanoTime() - began) / 1e6);
        try (TestDeviceClient client = configure(server)) {
          DeviceReply.Info info = client.describe();
          long activated = System.nanoTime();
          client.activate(info.features(), 1 << 20, 64);
          client.call(new DeviceRequest.Run());
          client.request(0, dev.basepoint.ipc.virtqueue.GuestDriver.Buffer.writable(64));
          first.add((System.nanoTime() - activated) / 1e6);
        }
      }
    }
    ready.sort(null);
    first.sort(null);
    say(
        "%-28s %9.0f / %6.0f %19.2f / %6.2f"
            .formatted(
                arguments.length == 0 ? "started only" : arguments[0],
                ready.get(STARTS / 2),
                ready.getLast(),
                first.get(STARTS / 2),
                first.getLast()));
  }

  private static Path threadNamed(int pid, String name) throws IOException {
    try (DirectoryStream<Path> tasks =
        Files.newDirectoryStream(Path.of("/proc", String.valueOf(pid), "task"))) {
      for (Path task : tasks) {
        if (Files.readString(task.resolve("comm")).strip().equals(name)) {
          return task.resolve("stat");
        }
      }
    }
    throw new IOException("process " + pid + " has no thread " + name);
  }

  /** The CPU that a thread ran on last, field 39 of its stat file. */
  private static int cpu(Path stat) throws IOException {
    String line = Files.readString(stat);
    return Integer.parseInt(line.substring(line.lastIndexOf(')') + 2).split(" ", -1)[36]);
  }

  private static String load() throws IOException {
    return Files.readString(Path.of("/proc/loadavg")).split(" ", -1)[0];
  }

  private static void say(String line) {
    System.out.println(line);
  }
}
