package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.sandbox.jail.Violation;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One device server for vhost-user front ends, started again whenever it dies: the socket, the back
 * end and the lock on the image stay here meanwhile, so that a front end that reconnects finds the
 * device as it left it.
 */
public final class VhostUserService implements AutoCloseable {
  /** Longer than any start on a slow, busy machine. */
  private static final Duration START_TIMEOUT = Duration.ofSeconds(30);

  /** How often a socket is tried at which nobody listens yet. */
  private static final Duration CONNECT_INTERVAL = Duration.ofMillis(200);

  /** A server that lives for less than this has not served. */
  private static final Duration SHORT_LIFE = Duration.ofSeconds(2);

  /** How many short lives in a row are enough. */
  private static final int SHORT_LIVES_MAX = 5;

  /** Told what goes on; methods may be called by any thread. */
  public interface Listener {
    /** Front ends can be served now, by the process {@code pid}. */
    void ready(String socket, int pid);

    /** Nobody listens at the socket yet. */
    void waiting(String socket);

    /** Something that a person should know. */
    void warning(String text);
  }

  /**
   * What is served, and how.
   *
   * @param guestBytes most guest memory that a front end may share
   * @param spinMicros how long the server looks for work before it sleeps
   */
  public record Plan(
      DevicePlan device,
      FrontEndSocket socket,
      SandboxLevel sandbox,
      long guestBytes,
      long spinMicros) {}

  /** How a service ended: by a signal, by the end of its only front end, or by a violation. */
  public enum End {
    INTERRUPTED,
    TERMINATED,
    FRONT_END_LEFT,
    SANDBOX_VIOLATION,
    PROCESS_DIED
  }

  private final Installation installation;
  private final Plan plan;
  private final Listener listener;
  private final CompletableFuture<End> stop = new CompletableFuture<>();

  public VhostUserService(Installation installation, Plan plan, Listener listener) {
    this.installation = installation;
    this.plan = plan;
    this.listener = listener;
  }

  /** Serves until a signal, or until the only front end has left. */
  public End run() throws IOException {
    try (StopSignals _ = StopSignals.install(this::stop)) {
      int shortLives = 0;
      boolean waiting = false;
      while (!stop.isDone()) {
        Optional<Fd> socket = plan.socket().next();
        if (socket.isEmpty()) {
          if (!waiting) {
            listener.waiting(plan.socket().label());
          }
          waiting = true;
          pause(CONNECT_INTERVAL);
          continue;
        }
        waiting = false;
        long begun = System.nanoTime();
        Optional<ChildProcess.Exit> exit = serve(socket.get());
        boolean left = exit.isPresent() && exit.get().status() == 0;
        if (left && !plan.socket().hasMore()) {
          return End.FRONT_END_LEFT;
        }
        boolean shortLife = System.nanoTime() - begun < SHORT_LIFE.toNanos();
        shortLives = !left && shortLife ? shortLives + 1 : 0;
        if (shortLives == SHORT_LIVES_MAX) {
          return End.PROCESS_DIED;
        }
      }
      return stop.join();
    }
  }

  private void stop(Outcome outcome) {
    stop.complete(outcome == Outcome.INTERRUPTED ? End.INTERRUPTED : End.TERMINATED);
  }

  private void pause(Duration duration) throws IOException {
    await(stop, duration);
  }

  /** One process's life; empty if it was stopped from here. */
  private Optional<ChildProcess.Exit> serve(Fd socket) throws IOException {
    Life life = new Life();
    try (ProcessGroup group =
        new ProcessGroup(installation, plan.sandbox(), FrontEnd.VHOST_USER, life, START_TIMEOUT)) {
      group.spawn(
          List.of(
              GroupMember.vhostUserServer(plan.device(), plan.guestBytes(), plan.spinMicros())));
      group.serveVhostUser(plan.device(), socket, plan.socket().isListening());
      listener.ready(plan.socket().label(), group.children().getFirst().pid());
      await(CompletableFuture.anyOf(stop, life.exit), Duration.ofDays(10_000));
      return Optional.ofNullable(life.exit.getNow(null));
    } catch (IOException e) {
      if (life.exit.isDone()) {
        // It died while it was being set up; how has been said.
        return Optional.of(life.exit.join());
      }
      throw e;
    }
  }

  private static void await(CompletableFuture<?> future, Duration timeout) throws IOException {
    try {
      future.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      // Then it goes on.
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Hears what happens to one process. */
  private final class Life implements GroupListener {
    final CompletableFuture<ChildProcess.Exit> exit = new CompletableFuture<>();

    @Override
    public void onEvent(Child child, SupervisionEvent event) {
      if (event instanceof SupervisionEvent.Warning(String text)) {
        listener.warning(text);
      }
    }

    @Override
    public void onNotices(Child child, List<String> notices) {
      notices.forEach(notice -> listener.warning("sandbox " + notice));
    }

    @Override
    public void onViolation(Child child, Violation violation, boolean deadly) {
      listener.warning(
          "%s (pid %d) violated its sandbox: %s"
              .formatted(child.role().module(), child.pid(), violation.explanation().strip()));
      if (deadly) {
        stop.complete(End.SANDBOX_VIOLATION);
      }
    }

    @Override
    public void onExit(Child child, ChildProcess.Exit how, boolean expected, String output) {
      if (!expected && how.status() != 0) {
        listener.warning(
            "%s (pid %d) ended with %s%s"
                .formatted(
                    child.role().module(),
                    child.pid(),
                    how,
                    output.isEmpty() ? "" : ", saying: " + output));
      }
      if (!expected) {
        exit.complete(how);
      }
    }
  }

  @Override
  public void close() throws IOException {
    plan.socket().close();
    plan.device().close();
  }
}
