package dev.basepoint.launcher.api;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.net.SocketException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.SequencedMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A connection to the daemon. For one thread; the connection ends when a request fails to travel.
 */
public final class ApiClient implements AutoCloseable {
  /** For what the daemon answers at once. */
  public static final Duration QUICK = Duration.ofSeconds(10);

  /** What an answer may take longer than the daemon was given for its work. */
  private static final Duration TRAVEL = Duration.ofSeconds(5);

  private final ApiChannel channel;
  private final String tenant;
  private final DaemonPaths paths;
  private long lastId;

  private ApiClient(ApiChannel channel, String tenant, DaemonPaths paths) {
    this.channel = channel;
    this.tenant = tenant;
    this.paths = paths;
  }

  /**
   * Connects to the daemon of a state directory.
   *
   * @param tenant whose objects are meant; empty for the caller's own
   * @throws CommandException if there is no daemon, or none that this program can talk to
   */
  public static ApiClient connect(DaemonPaths paths, String tenant) throws CommandException {
    ApiClient client = null;
    try {
      JdkStream stream = JdkStream.connect(paths.socket());
      client = new ApiClient(new ApiChannel(stream, ApiProtocol.ANSWER_BYTES_MAX), tenant, paths);
      client.facts(new ApiRequest.Hello(ApiProtocol.VERSION), QUICK);
      return client;
    } catch (NoSuchFileException | SocketException e) {
      throw new CommandException(ExitCode.NO_DAEMON, noDaemon(paths, e), e);
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.SYSTEM_ERROR, "cannot connect to " + paths.socket() + ": " + e, e);
    } catch (CommandException e) {
      if (client != null) {
        client.close();
      }
      throw e;
    }
  }

  private static String noDaemon(DaemonPaths paths, IOException cause) {
    String denied =
        String.valueOf(cause.getMessage()).contains("ermission denied")
            ? "you may not use the socket "
            : "no daemon listens on ";
    return denied
        + paths.socket()
        + "; start one with: vmm-launch serve"
        + (paths.isDefault() ? "" : " --state " + paths.state().path());
  }

  /** Asks for facts; see {@link #call}. */
  public SequencedMap<String, Object> facts(ApiRequest request, Duration timeout)
      throws CommandException {
    if (call(request, timeout) instanceof ApiReply.Facts(SequencedMap<String, Object> facts)) {
      return facts;
    }
    throw new CommandException(ExitCode.INTERNAL_ERROR, "the daemon answered something else");
  }

  /** Asks for a guest's output; see {@link #call}. */
  public ApiReply.Console console(ApiRequest.ReadConsole request) throws CommandException {
    Duration timeout = QUICK.plusMillis(request.waitMillis());
    if (call(request, timeout) instanceof ApiReply.Console console) {
      return console;
    }
    throw new CommandException(ExitCode.INTERNAL_ERROR, "the daemon answered something else");
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @param timeout how long the daemon may take
   * @throws CommandException if the daemon refuses, or is lost
   */
  public ApiReply call(ApiRequest request, Duration timeout) throws CommandException {
    long id = ++lastId;
    long deadlineNanos = System.nanoTime() + timeout.plus(TRAVEL).toNanos();
    int deadlineMillis = Math.clamp(timeout.toMillis(), 1, ApiProtocol.DEADLINE_MILLIS_MAX);
    try {
      byte[] bytes =
          ApiProtocol.encode(new ApiProtocol.Request(id, deadlineMillis, tenant, request));
      if (bytes.length > ApiProtocol.REQUEST_BYTES_MAX) {
        throw new CommandException(
            ExitCode.INPUT_INVALID,
            "the request has "
                + bytes.length
                + " bytes; the daemon takes at most "
                + ApiProtocol.REQUEST_BYTES_MAX);
      }
      ApiProtocol.Answer answer = exchange(bytes, deadlineNanos);
      // Zero answers the connection itself, before a request was read.
      if (answer.id() != id && answer.id() != 0) {
        throw new IOException("it answered request " + answer.id() + " instead of " + id);
      }
      return switch (answer) {
        case ApiProtocol.Reply(long _, ApiReply body) -> body;
        case ApiProtocol.Failure(long _, int exitCode, String message) ->
            throw new CommandException(ExitCode.byCode(exitCode), printable(message));
      };
    } catch (TimeoutException e) {
      throw new CommandException(
          ExitCode.TIMED_OUT,
          "the daemon did not answer within "
              + TimeUnit.MILLISECONDS.toSeconds(deadlineMillis)
              + " s",
          e);
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.NO_DAEMON,
          "the connection to the daemon on " + paths.socket() + " broke: " + e.getMessage(),
          e);
    }
  }

  private ApiProtocol.Answer exchange(byte[] request, long deadlineNanos)
      throws IOException, TimeoutException {
    IOException unsent = null;
    try {
      channel.send(request, deadlineNanos);
    } catch (IOException e) {
      // A daemon that refuses a connection says so and hangs up: that may stand there to be read.
      unsent = e;
    }
    try {
      return ApiProtocol.decodeAnswer(channel.receive(deadlineNanos));
    } catch (IOException e) {
      throw unsent == null ? e : unsent;
    }
  }

  /** The daemon passes on what guests and files say; none of it may steer a terminal. */
  private static String printable(String text) {
    return text.replaceAll("[\\p{Cntrl}&&[^\n]]", "?");
  }

  @Override
  public void close() {
    channel.close();
  }
}
