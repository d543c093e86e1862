package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.SeccompListener;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The launcher's end of one process's filter. Every call that the policy does not cover is held by
 * the kernel and comes here; strict ends the process without the call ever being carried out,
 * permissive lets it go on. Not thread-safe: it belongs to one event loop.
 */
public final class ViolationWatch implements AutoCloseable {
  /**
   * Files that the process does not see, but for which something in it looks once, any time after
   * the start: HotSpot's periodic task for the JDK's release file, for crash reports; and the C
   * library, when memory of a thread's arena first goes back, for how the kernel overcommits.
   */
  private static final Set<String> LOOKED_FOR_LATE =
      Set.of(System.getProperty("java.home") + "/release", "/proc/sys/vm/overcommit_memory");

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
    if (isLateLook(violation)) {
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
   * Whether this opens a file of {@link #LOOKED_FOR_LATE}. It is told the truth, that there is no
   * such file; the call is never carried out. An attacker who imitates it gets the same answer.
   */
  private static boolean isLateLook(Violation violation) {
    return violation.syscall().equals("openat")
        && violation.path().filter(LOOKED_FOR_LATE::contains).isPresent();
  }

  @Override
  public void close() {
    listener.close();
  }
}
