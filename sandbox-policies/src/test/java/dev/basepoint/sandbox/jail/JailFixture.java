package dev.basepoint.sandbox.jail;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.sandbox.bpf.OnViolation;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A real JVM in a real jail, and the test's end of its socket. */
final class JailFixture implements AutoCloseable {
  private static final long DEADLINE_SECONDS = 60;

  final Jail jail;
  final JailedProcess jailed;
  final List<Violation> violations = new ArrayList<>();
  private final UnixSocket socket;
  private final MemorySegment buffer = Arena.ofAuto().allocate(65536);
  private final Path output;
  private final Policy policy;
  private final Level level;
  private ViolationWatch watch;

  JailFixture(Level level, Policy policy, Path folder) throws IOException {
    this(
        level,
        policy,
        folder,
        Map.of("limit fsize", 1L << 30, "limit as", 8L << 30, "cgroup memory.max", 1L << 28));
  }

  JailFixture(Level level, Policy policy, Path folder, Map<String, Long> given) throws IOException {
    this.policy = policy;
    this.level = level;
    Path home = Path.of(System.getProperty("java.home"));
    Path jar = ClassJar.pack(folder);
    jail = Jail.open(level, JvmFiles.of(home, List.of(jar)));
    output = folder.resolve("output.txt");
    List<String> command = new ArrayList<>();
    command.add(home.resolve("bin/java").toString());
    command.addAll(JvmFlags.forFilter(16 << 20));
    command.addAll(
        List.of("-Xmx16m", "-Xmn2m", "-XX:+UseSerialGC", "-XX:TrimNativeHeapInterval=100"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp"));
    command.add(jar.toString());
    command.add(JailedMain.class.getName());
    UnixSocket[] pair = UnixSocket.pair();
    socket = pair[0];
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDONLY);
        Fd out = OpenFile.open(output.toString(), OpenFile.O_WRONLY | OpenFile.O_CREAT, 0600);
        UnixSocket inner = pair[1]) {
      jailed =
          jail.start(
              policy, "test", given, command, List.of(), List.of(nothing, out, out, inner.fd()));
    }
  }

  ChildProcess process() {
    return jailed.process();
  }

  /** What the process wrote to standard output and error. */
  String output() throws IOException {
    return Files.readString(output);
  }

  /** Sends the filter and waits until it is applied. */
  void sandbox() throws IOException {
    send(jailed.order(policy, OnViolation.NOTIFY).toBytes());
    List<Fd> fds = new ArrayList<>();
    Check.equal("sandboxed", receive(fds), "output: " + uncheckedOutput());
    Check.equal(1, fds.size());
    watch = new ViolationWatch(fds.getFirst(), policy, level, jailed, violations::add);
  }

  String uncheckedOutput() {
    try {
      return output();
    } catch (IOException e) {
      return e.toString();
    }
  }

  String ask(String command) throws IOException {
    send(command.getBytes(UTF_8));
    return receive(new ArrayList<>());
  }

  /** Asks for a command instead of sending the filter. */
  String askUnfiltered(String command) throws IOException {
    return ask("unfiltered " + command);
  }

  void stopWatching() {
    watch.close();
    watch = null;
  }

  void hangUp() {
    socket.shutdown();
  }

  void send(byte[] bytes) {
    MemorySegment.copy(bytes, 0, buffer, ValueLayout.JAVA_BYTE, 0, bytes.length);
    Check.equal((long) bytes.length, socket.send(buffer, 0, bytes.length, List.of()));
  }

  /** The next message, empty at the end; held calls are handled meanwhile. */
  String receive(List<Fd> fds) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
    while (true) {
      Check.equal(true, System.nanoTime() < deadline, "no answer");
      if (watch != null && Poll.await(watch.fd(), Poll.POLLIN, System.nanoTime())) {
        watch.handle();
      }
      if (Poll.await(socket.fd(), Poll.POLLIN, System.nanoTime() + 2_000_000)) {
        long count = socket.receive(buffer, 0, buffer.byteSize(), fds);
        return count <= 0
            ? ""
            : new String(buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), UTF_8);
      }
    }
  }

  ChildProcess.Exit awaitExit() throws IOException {
    return process().awaitExit(System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS));
  }

  @Override
  public void close() throws IOException {
    socket.close();
    process().signal(9);
    awaitExit();
    if (watch != null) {
      watch.close();
    }
    jailed.close();
    jail.close();
  }
}
