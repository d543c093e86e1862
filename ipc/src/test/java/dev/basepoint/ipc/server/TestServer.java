package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The launcher's half: starts a device server, as a process of its own or in this one, and speaks
 * to it over its supervision channel.
 */
public final class TestServer implements AutoCloseable {
  public static final Duration GENEROUS = Duration.ofSeconds(60);

  private final FrameChannel channel;
  private final Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> requester;
  private final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
  private final CompletableFuture<IOException> closed = new CompletableFuture<>();
  private final ChildProcess child;

  /** The exit status of a server in this process. */
  private final CompletableFuture<Integer> status;

  private TestServer(UnixSocket socket, ChildProcess child, CompletableFuture<Integer> status) {
    this.child = child;
    this.status = status;
    channel = new FrameChannel(socket, "device server");
    requester =
        new Requester<>(
                channel,
                new SupervisionProtocol(),
                new Requester.Listener<SupervisionEvent>() {
                  @Override
                  public void onEvent(SupervisionEvent event) {
                    events.add(event);
                  }

                  @Override
                  public void onClosed(IOException cause) {
                    closed.complete(cause);
                  }
                })
            .start();
  }

  /** Starts the real process: {@code mainClass} on this JVM's class path. */
  public static TestServer spawn(String mainClass, String... args) throws IOException {
    return spawn(List.of(), mainClass, args);
  }

  /** Starts the real process with further JVM flags. */
  public static TestServer spawn(List<String> jvmFlags, String mainClass, String... args)
      throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    List<String> argv = new ArrayList<>();
    argv.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    argv.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-XX:MaxInlineLevel=30",
            "-Xmx64m"));
    argv.addAll(jvmFlags);
    argv.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass));
    argv.addAll(List.of(args));
    try (Fd null0 = OpenFile.open("/dev/null", OpenFile.O_RDWR);
        Fd standardError = Fd.own(2).duplicate();
        Fd end = Fd.own(pair[1].fd().release())) {
      ChildProcess child =
          ChildProcess.spawn(argv, List.of(), List.of(null0, null0, standardError, end));
      return new TestServer(pair[0], child, null);
    }
  }

  /** Serves in a thread of this process. */
  public static <C extends SupervisionRequest.ConfigureDevice> TestServer inProcess(
      DeviceRole<C> role, String... args) throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    DeviceServer<C> server = new DeviceServer<>(role, ServerOptions.parse(args), pair[1]);
    CompletableFuture<Integer> status = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("server").start(() -> status.complete(server.serve()));
    return new TestServer(pair[0], null, status);
  }

  /** Asks and waits. */
  public SupervisionReply call(SupervisionRequest request) throws IOException {
    return requester.call(request, GENEROUS);
  }

  /** Greets the server; returns its role and pid. */
  public SupervisionReply.Hello hello() throws IOException {
    return (SupervisionReply.Hello)
        call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0));
  }

  /** A role's configuration, given the server's end of the device channel. */
  @FunctionalInterface
  public interface Configuration {
    SupervisionRequest.ConfigureDevice with(Fd channel) throws IOException;
  }

  /** Configures the server and returns vmm-main's end of its device channel. */
  public TestDeviceClient configure(Configuration configuration) throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    try (Fd channel = pair[1].fd()) {
      call(configuration.with(channel));
    } catch (IOException | RuntimeException e) {
      pair[0].close();
      throw e;
    }
    return new TestDeviceClient(pair[0]);
  }

  /** The counters of the one group that a device server has. */
  public Map<String, Long> counters() throws IOException {
    SupervisionReply.Counters counters =
        (SupervisionReply.Counters) call(new SupervisionRequest.ReadCounters());
    return counters.groups().getFirst().values();
  }

  /** What the server reported unasked, in order. */
  public BlockingQueue<SupervisionEvent> events() {
    return events;
  }

  /** Completes when the supervision channel ends. */
  public CompletableFuture<IOException> closed() {
    return closed;
  }

  /** The channel itself, for messages that no honest launcher sends. */
  public FrameChannel channel() {
    return channel;
  }

  /** The process, or null if there is none. */
  public ChildProcess process() {
    return child;
  }

  /** Closes the supervision channel, as the end of the launcher would. */
  public void hangUp() {
    requester.close();
  }

  /** Waits for the process's end. */
  public ChildProcess.Exit awaitExit() throws IOException {
    ChildProcess.Exit exit = child.awaitExit(System.nanoTime() + GENEROUS.toNanos());
    if (exit == null) {
      throw new AssertionError("the server does not end");
    }
    return exit;
  }

  /** Waits for the exit status of a server in this process. */
  public int awaitStatus() {
    return status.orTimeout(GENEROUS.toSeconds(), java.util.concurrent.TimeUnit.SECONDS).join();
  }

  @Override
  public void close() throws IOException {
    if (child == null) {
      try {
        call(new SupervisionRequest.Stop());
      } catch (ChannelClosedException e) {
        // It has ended by itself.
      }
    }
    hangUp();
    if (child != null) {
      child.signal(dev.basepoint.ipc.linux.Signals.SIGKILL);
      awaitExit();
      child.close();
    } else {
      awaitStatus();
    }
  }
}
