package dev.basepoint.launcher.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiProtocol;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.basepoint.StateDirectory;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.group.Installation;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A daemon without VMs, and clients of every kind. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class DaemonTest {
  private static final int MALFORMED_CONNECTIONS = 500;

  @TempDir private Path directory;

  private final List<String> log = new ArrayList<>();
  private DaemonPaths paths;
  private Daemon daemon;

  @BeforeEach
  void serve() throws Exception {
    paths = DaemonPaths.locate(Optional.of(directory.resolve("state").toString()), Map.of());
    daemon = open();
  }

  private Daemon open() throws CommandException {
    return Daemon.open(
        paths,
        Installation.current(),
        new DaemonOptions(4, 1L << 30),
        (event, facts) -> {
          synchronized (log) {
            log.add(event + " " + facts);
            log.notifyAll();
          }
        });
  }

  @AfterEach
  void end() {
    daemon.close();
    assertFalse(Files.exists(paths.socket()), "the socket is removed");
  }

  private ApiClient connect() throws CommandException {
    return ApiClient.connect(paths, "");
  }

  private void assertServes() throws Exception {
    try (ApiClient client = connect()) {
      assertEquals(
          List.of(), client.facts(new ApiRequest.ListVms(true), ApiClient.QUICK).get("vms"));
    }
  }

  private static void assertRefused(ExitCode code, Executable action) {
    CommandException refused = assertThrows(CommandException.class, action::run);
    assertEquals(code, refused.exitCode(), refused::getMessage);
  }

  @FunctionalInterface
  private interface Executable {
    void run() throws Exception;
  }

  @Test
  void directoryAndSocketAreForTheOwnerAlone() throws Exception {
    assertEquals(
        PosixFilePermissions.fromString("rw-------"),
        Files.getPosixFilePermissions(paths.socket()));
    assertEquals(
        PosixFilePermissions.fromString("rwx------"),
        Files.getPosixFilePermissions(paths.state().path()));
  }

  @Test
  void oneDaemonServesADirectory() throws Exception {
    CommandException refused = assertThrows(CommandException.class, this::open);
    assertEquals(ExitCode.DAEMON_RUNS, refused.exitCode());
    assertTrue(
        refused.getMessage().contains("pid " + ProcessHandle.current().pid()), refused::getMessage);
    assertServes();
  }

  @Test
  void staleSocketIsReplaced() throws Exception {
    daemon.close();
    try (Fd _ = UnixSocket.listen(paths.socket().toString())) {
      assertTrue(Files.exists(paths.socket()));
    }
    assertRefused(ExitCode.NO_DAEMON, this::connect);
    daemon = open();
    assertServes();
  }

  @Test
  void missingDaemonIsNamed() throws Exception {
    daemon.close();
    CommandException refused = assertThrows(CommandException.class, this::connect);
    assertEquals(ExitCode.NO_DAEMON, refused.exitCode());
    assertTrue(
        refused.getMessage().contains("vmm-launch serve --state " + paths.state().path()),
        refused::getMessage);
  }

  @Test
  void unknownVmsAreRefused() throws Exception {
    try (ApiClient client = connect()) {
      for (ApiRequest request :
          List.of(
              new ApiRequest.InspectVm("nobody"),
              new ApiRequest.StopVm("nobody", 0),
              new ApiRequest.PauseVm("nobody"),
              new ApiRequest.ResumeVm("nobody"),
              new ApiRequest.ReadConsole("nobody", 0, 0),
              new ApiRequest.WriteConsole("nobody", new byte[1]))) {
        assertRefused(ExitCode.NOT_FOUND, () -> client.call(request, ApiClient.QUICK));
      }
    }
  }

  @Test
  void invalidManifestsAreRefused() throws Exception {
    try (ApiClient client = connect()) {
      for (String manifest : List.of("{}", "version: 2", "\u0000", "version: 1\nmemory: 1KiB")) {
        ApiRequest request = new ApiRequest.StartVm(manifest, "strict", 0);
        assertRefused(ExitCode.INPUT_INVALID, () -> client.call(request, ApiClient.QUICK));
      }
      ApiRequest level = new ApiRequest.StartVm("version: 1", "lax", 0);
      assertRefused(ExitCode.USAGE, () -> client.call(level, ApiClient.QUICK));
      String large = "version: 1 #" + "x".repeat(ApiProtocol.REQUEST_BYTES_MAX);
      ApiRequest tooLarge = new ApiRequest.StartVm(large, "strict", 0);
      assertRefused(ExitCode.INPUT_INVALID, () -> client.call(tooLarge, ApiClient.QUICK));
    }
    assertServes();
  }

  @Test
  void vmBeyondTheBudgetIsRefused() throws Exception {
    try (ApiClient client = connect()) {
      ApiRequest request = new ApiRequest.StartVm("version: 1\nmemory: 2GiB", "strict", 0);
      assertRefused(ExitCode.LIMIT_REACHED, () -> client.call(request, ApiClient.QUICK));
    }
  }

  @Test
  void otherProtocolVersionsAreRefused() throws Exception {
    try (SocketChannel socket = socket()) {
      send(socket, frame(2, hello(2)));
      assertTrue(answer(socket).contains("restart the daemon"));
    }
    try (SocketChannel socket = socket()) {
      send(socket, frame(1, hello(7)));
      assertTrue(answer(socket).contains("not 7"));
    }
  }

  @Test
  void greetingComesFirstAndOnce() throws Exception {
    try (SocketChannel socket = socket()) {
      byte[] list =
          ApiProtocol.encode(new ApiProtocol.Request(1, 1000, "", new ApiRequest.ListVms(false)));
      send(socket, frame(1, list));
      assertTrue(answer(socket).contains("greeting"));
      assertEnd(socket);
    }
    try (SocketChannel socket = socket()) {
      send(socket, frame(1, hello(1)));
      answer(socket);
      send(socket, frame(1, hello(1)));
      assertTrue(answer(socket).contains("greeting"));
      assertEnd(socket);
    }
  }

  private static byte[] hello(int version) {
    return ApiProtocol.encode(new ApiProtocol.Request(1, 1000, "", new ApiRequest.Hello(version)));
  }

  private static byte[] frame(int version, byte[] payload) {
    return ByteBuffer.allocate(8 + payload.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(payload.length)
        .put((byte) 'B')
        .put((byte) 'A')
        .putShort((short) version)
        .put(payload)
        .array();
  }

  private SocketChannel socket() throws IOException {
    SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX);
    socket.connect(UnixDomainSocketAddress.of(paths.socket()));
    return socket;
  }

  private static void send(SocketChannel socket, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      socket.write(buffer);
    }
  }

  /** The next frame as text, protobuf and all. */
  private static String answer(SocketChannel socket) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    while (header.hasRemaining()) {
      assertTrue(socket.read(header) > 0, "the daemon answers before it closes");
    }
    ByteBuffer payload = ByteBuffer.allocate(header.getInt(0));
    while (payload.hasRemaining()) {
      assertTrue(socket.read(payload) > 0);
    }
    return new String(payload.array(), StandardCharsets.UTF_8);
  }

  private static void assertEnd(SocketChannel socket) throws IOException {
    assertEquals(-1, socket.read(ByteBuffer.allocate(1)));
  }

  @Test
  void survivesMalformedClients() throws Exception {
    SplittableRandom random = new SplittableRandom(4);
    int droppedEarly = 0;
    for (int i = 0; i < MALFORMED_CONNECTIONS; i++) {
      byte[] payload = new byte[random.nextInt(300)];
      random.nextBytes(payload);
      byte[] bytes = random.nextBoolean() ? frame(1, payload) : payload;
      if (random.nextInt(4) == 0 && bytes.length >= 4) {
        bytes[2] = (byte) random.nextInt();
        bytes[3] = (byte) random.nextInt();
      }
      try (SocketChannel socket = socket()) {
        send(socket, bytes);
      } catch (IOException e) {
        droppedEarly++;
      }
    }
    assertTrue(droppedEarly < MALFORMED_CONNECTIONS, "not all in the middle of a message");
    assertServes();
  }

  @Test
  void tooLongMessagesAreRefusedUnread() throws Exception {
    try (SocketChannel socket = socket()) {
      byte[] header = frame(1, new byte[0]);
      ByteBuffer.wrap(header)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(0, ApiProtocol.REQUEST_BYTES_MAX + 1);
      send(socket, header);
      assertTrue(answer(socket).contains("too long"));
      assertEnd(socket);
    }
  }

  @Test
  void clientThatSendsDescriptorsIsDropped() throws Exception {
    try (Fd connection = UnixSocket.connect(paths.socket().toString());
        Fd memfd = MemFd.create("gift", 4096);
        Arena arena = Arena.ofConfined();
        SocketChannel witness = socket()) {
      UnixSocket socket = UnixSocket.own(connection);
      MemorySegment bytes = arena.allocate(8);
      assertEquals(8, socket.send(bytes, 0, 8, List.of(memfd)));
      assertTrue(witness.isConnected());
    }
    assertServes();
    awaitLog("the peer sent descriptors");
  }

  private void awaitLog(String part) throws InterruptedException {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    synchronized (log) {
      while (log.stream().noneMatch(line -> line.contains(part))) {
        long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
        assertTrue(leftMillis > 0, () -> "no " + part + " in " + log);
        log.wait(leftMillis);
      }
    }
  }

  @Test
  void tooManyClientsAreToldSo() throws Exception {
    List<ApiClient> clients = new ArrayList<>();
    try {
      for (int i = 0; i < ApiServer.CLIENTS_MAX; i++) {
        clients.add(connect());
      }
      assertRefused(ExitCode.LIMIT_REACHED, this::connect);
      clients.removeLast().close();
      awaitService();
    } finally {
      clients.forEach(ApiClient::close);
    }
  }

  /** The daemon learns a little later that a client has gone. */
  private void awaitService() throws Exception {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (true) {
      try {
        assertServes();
        return;
      } catch (CommandException e) {
        if (e.exitCode() != ExitCode.LIMIT_REACHED || System.nanoTime() > deadlineNanos) {
          throw e;
        }
      }
    }
  }

  @Test
  void clientThatNeverReadsHoldsNobodyUp() throws Exception {
    try (SocketChannel lazy = socket()) {
      send(lazy, frame(1, hello(1)));
      byte[] list =
          ApiProtocol.encode(new ApiProtocol.Request(1, 1000, "", new ApiRequest.ListVms(true)));
      lazy.configureBlocking(false);
      ByteBuffer many = ByteBuffer.wrap(frame(1, list));
      while (lazy.write(many) > 0) {
        many.rewind();
      }
      assertServes();
    }
    assertServes();
  }

  @Test
  void onlyRootNamesAnotherTenant() throws Exception {
    assumeTrue(StateDirectory.uid() == 0, "needs root");
    try (ApiClient client = ApiClient.connect(paths, "somebody-else")) {
      client.facts(new ApiRequest.ListVms(false), ApiClient.QUICK);
    }
    Peer user = new Peer(1, 1000);
    Dispatcher dispatcher = new Dispatcher(daemon::status, null, null, null, null, null);
    assertRefused(
        ExitCode.PERMISSION_DENIED,
        () ->
            dispatcher.handle(
                user, new ApiProtocol.Request(1, 1000, "uid-0", new ApiRequest.Hello(1))));
    dispatcher.handle(user, new ApiProtocol.Request(1, 1000, "uid-1000", new ApiRequest.Hello(1)));
  }

  @Test
  void usersOfAnotherUidAreRefusedEvenIfTheyReachTheSocket() throws Exception {
    assumeTrue(StateDirectory.uid() == 0, "needs root, to become somebody else");
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/setpriv")), "setpriv of util-linux is not installed");
    // As if somebody had opened the directory by mistake.
    for (Path path = paths.socket(); !path.equals(directory.getParent()); path = path.getParent()) {
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwxrwx"));
    }
    Path program = directory.resolve("Stranger.java");
    Files.writeString(
        program,
        """
        import java.net.UnixDomainSocketAddress;
        import java.nio.ByteBuffer;
        import java.nio.channels.SocketChannel;
        import java.nio.file.Path;

        class Stranger {
          public static void main(String[] args) throws Exception {
            try (var socket = SocketChannel.open(UnixDomainSocketAddress.of(Path.of(args[0])))) {
              ByteBuffer answer = ByteBuffer.allocate(1024);
              while (socket.read(answer) > 0) {}
              System.out.println(new String(answer.array(), 8, answer.position() - 8, "UTF-8"));
            }
          }
        }
        """);
    Process stranger =
        new ProcessBuilder(
                "/usr/bin/setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                System.getProperty("java.home") + "/bin/java",
                "-XX:TieredStopAtLevel=1",
                program.toString(),
                paths.socket().toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(stranger.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, stranger.waitFor(), output);
    assertTrue(output.contains("not user 65534"), output);
    awaitLog("client-refused");
    assertServes();
  }
}
