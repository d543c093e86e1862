package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.SeccompListener;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The launcher's end of one process's filter. Every call that the policy does not cover is held by
 * the kernel and comes here; strict ends the process without the call ever being carried out,
 * permissive lets it go on. Not thread-safe: it belongs to one event loop.
 */
public final class ViolationWatch implements AutoCloseable {
  private static final String RELEASE_FILE = System.getProperty("java.home") + "/release";

  private final SeccompListener listener;
  private final Policy policy;
  private final Level level;
  private final ChildProcess process;
  private final Consumer<Violation> report;

  /**
   * Takes ownership of {@code listener}.
   *
   * @param policy bound or not
   * @param report hears every violation, before the process is ended or let go on
   */
  public ViolationWatch(
      Fd listener, Policy policy, Level level, JailedProcess jailed, Consumer<Violation> report) {
    this.listener = new SeccompListener(listener);
    this.policy = policy.forProcess(jailed.pidInside());
    this.level = level;
    this.process = jailed.process();
    this.report = report;
  }

  /** For an event loop: readable when {@link #handle} has something to do. */
  public Fd fd() {
    return listener.fd();
  }

  /** Handles one held call. */
  public void handle() throws IOException {
    Optional<SeccompListener.HeldCall> held = listener.receive();
    if (held.isEmpty()) {
      return;
    }
    SeccompListener.HeldCall call = held.get();
    Violation violation = Violation.of(policy, call);
    if (isReleaseFileTask(violation)) {
      listener.refuse(call, Errno.ENOENT);
      return;
    }
    try {
      report.accept(violation);
    } finally {
      switch (level) {
        case STRICT -> process.signal(Signals.SIGKILL);
        case PERMISSIVE -> listener.letContinue(call);
      }
    }
  }

  /**
   * Whether this is HotSpot's periodic task that once, a while after the start, reads the JDK's
   * release file for crash reports; on a quick machine the filter is there first. It is told that
   * the file does not exist. An attacker who imitates it gets the same refusal.
   */
  private static boolean isReleaseFileTask(Violation violation) {
    return violation.syscall().equals("openat")
        && violation.path().filter(RELEASE_FILE::equals).isPresent();
  }

  @Override
  public void close() {
    listener.close();
  }
}
