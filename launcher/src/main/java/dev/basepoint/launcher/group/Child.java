package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.sandbox.bpf.OnViolation;
import dev.basepoint.sandbox.jail.JailException;
import dev.basepoint.sandbox.jail.JailedProcess;
import dev.basepoint.sandbox.jail.Violation;
import dev.basepoint.sandbox.jail.ViolationWatch;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;

/** One supervised process: its end of the supervision channel, its output and its life. */
public final class Child implements AutoCloseable {
  /** From SIGKILL to the end of a process. */
  private static final Duration KILL_PATIENCE = Duration.ofSeconds(10);

  private final String name;
  private final Role role;
  private final ChildProcess process;
  private final Sandbox sandbox;
  private final JailedProcess jailed;
  private final Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> requester;
  private final Fd output;
  private final OutputTail tail = new OutputTail();
  private final long spawnedNanos;

  private Child(
      String name,
      Role role,
      ChildProcess process,
      Sandbox sandbox,
      JailedProcess jailed,
      Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> requester,
      Fd output,
      long spawnedNanos) {
    this.name = name;
    this.role = role;
    this.process = process;
    this.sandbox = sandbox;
    this.jailed = jailed;
    this.requester = requester;
    this.output = output;
    this.spawnedNanos = spawnedNanos;
  }

  /**
   * Starts a process.
   *
   * @param sandbox where it starts, or null for none
   * @param listener hears its events and the end of its channel
   */
  static Child spawn(
      GroupMember member,
      Installation installation,
      Sandbox sandbox,
      Requester.Listener<SupervisionEvent> listener)
      throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    boolean complete = false;
    try {
      Pipe output = Pipe.create();
      try {
        Child child = spawn(member, installation, sandbox, listener, pair, output);
        complete = true;
        return child;
      } finally {
        output.writeEnd().close();
        if (!complete) {
          output.readEnd().close();
        }
      }
    } finally {
      pair[1].close();
      if (!complete) {
        pair[0].close();
      }
    }
  }

  private static Child spawn(
      GroupMember member,
      Installation installation,
      Sandbox sandbox,
      Requester.Listener<SupervisionEvent> listener,
      UnixSocket[] pair,
      Pipe output)
      throws IOException {
    long spawnedNanos = System.nanoTime();
    JailedProcess jailed = null;
    ChildProcess process = null;
    boolean complete = false;
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDONLY);
        Fd kvm = member.rehearsesVm() ? PlanOpener.openKvm() : null) {
      List<Fd> fds =
          new ArrayList<>(List.of(nothing, output.writeEnd(), output.writeEnd(), pair[1].fd()));
      if (kvm != null) {
        fds.add(kvm);
      }
      jailed = sandbox == null ? null : sandbox.start(member, fds);
      process =
          jailed == null
              ? ChildProcess.spawn(installation.command(member), List.of(), fds)
              : jailed.process();
      FrameChannel channel = new FrameChannel(pair[0], member.name());
      Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> requester =
          new Requester<>(channel, new SupervisionProtocol(), listener).start();
      complete = true;
      return new Child(
          member.name(),
          member.role(),
          process,
          sandbox,
          jailed,
          requester,
          output.readEnd(),
          spawnedNanos);
    } finally {
      if (!complete && process != null) {
        abandon(process, jailed);
      }
    }
  }

  /** Ends a process that nobody will supervise, for example for want of a thread. */
  private static void abandon(ChildProcess process, JailedProcess jailed) throws IOException {
    process.signal(Signals.SIGKILL);
    process.awaitExit(System.nanoTime() + KILL_PATIENCE.toNanos());
    if (jailed == null) {
      process.close();
    } else {
      jailed.close();
    }
  }

  /**
   * Waits until the process serves its channel, and checks that it is what it should be.
   *
   * @throws IOException if it is not, or ended, or took longer than {@code timeout}
   */
  void greet(Duration timeout) throws IOException {
    SupervisionReply reply =
        call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0), timeout);
    if (!(reply instanceof SupervisionReply.Hello hello)) {
      throw new ProtocolException(name + " answered Hello with something else");
    }
    if (!hello.role().equals(role.key())) {
      throw new ProtocolException(name + " says that its role is " + hello.role());
    }
    if (hello.version() != SupervisionProtocol.VERSION) {
      throw new IOException(
          name
              + " speaks supervision protocol "
              + hello.version()
              + ", not "
              + SupervisionProtocol.VERSION
              + "; rebuild with ./vmm-launch");
    }
  }

  /**
   * Completes the sandbox of a greeted process, which must not have been given anything yet that
   * comes from a guest or a peer.
   *
   * @param report hears every violation, see {@link ViolationWatch}
   * @return what is to be served for the violations to be heard; empty without a sandbox
   */
  Optional<ViolationWatch> enterSandbox(Duration timeout, Consumer<Violation> report)
      throws IOException {
    if (jailed == null) {
      return Optional.empty();
    }
    jailed.awaitControlGroup();
    Policy policy = sandbox.policy(role);
    byte[] order = jailed.order(policy, OnViolation.NOTIFY).toBytes();
    SupervisionReply reply;
    try {
      reply = requester.call(new SupervisionRequest.EnterSandbox(order), timeout);
    } catch (RequestFailedException e) {
      throw JailException.filterRefused(name + ": " + e.getMessage());
    }
    if (!(reply instanceof SupervisionReply.Sandboxed(Fd listener)) || listener == null) {
      throw new ProtocolException(name + " did not enter its sandbox");
    }
    return Optional.of(new ViolationWatch(listener, policy, sandbox.level(), jailed, report));
  }

  /** Asks the child; see {@link Requester#call}. */
  SupervisionReply call(SupervisionRequest request, Duration timeout) throws IOException {
    SupervisionReply reply = requester.call(request, timeout);
    if (reply instanceof SupervisionReply.Sandboxed(Fd listener)) {
      if (listener != null) {
        listener.close();
      }
      throw new ProtocolException(name + " answered with a listener that nobody asked for");
    }
    return reply;
  }

  /** What of its policy this host does not enforce. */
  List<String> notices() {
    return jailed == null ? List.of() : jailed.notices();
  }

  /** The host's uid that the process runs under; empty if it is the launcher's. */
  OptionalInt uid() {
    return jailed == null ? OptionalInt.empty() : OptionalInt.of(jailed.uid());
  }

  /** The VM's or device's name. */
  public String name() {
    return name;
  }

  public Role role() {
    return role;
  }

  public int pid() {
    return process.pid();
  }

  /** When it was started, on the System.nanoTime clock. */
  public long spawnedNanos() {
    return spawnedNanos;
  }

  /** Readable once the process has ended. */
  Fd pidfd() {
    return process.pidfd();
  }

  /** What the process writes to standard output and error, which it does only when in trouble. */
  Fd output() {
    return output;
  }

  OutputTail tail() {
    return tail;
  }

  /** Whether the process has ended, which nobody may have been told yet. */
  boolean hasEnded() {
    try {
      return Poll.await(process.pidfd(), Poll.POLLIN, System.nanoTime());
    } catch (ErrnoException e) {
      return true;
    }
  }

  /** How the process ended, or null while it runs. */
  ChildProcess.Exit pollExit() throws IOException {
    return process.pollExit();
  }

  /** Asks the process to end; {@link #ensureEnded} makes sure. */
  void requestStop(Duration patience) {
    try {
      requester.call(new SupervisionRequest.Stop(), patience);
    } catch (IOException e) {
      // It has ended, or hangs: ensureEnded deals with both.
      process.signal(Signals.SIGKILL);
    }
  }

  /** Waits for the end; kills the process if it takes longer than {@code patience}. */
  ChildProcess.Exit ensureEnded(Duration patience) throws IOException {
    ChildProcess.Exit exit = process.awaitExit(System.nanoTime() + patience.toNanos());
    if (exit == null) {
      process.signal(Signals.SIGKILL);
      exit = process.awaitExit(System.nanoTime() + KILL_PATIENCE.toNanos());
    }
    return exit;
  }

  /** Waits for the process to end by itself; false if it has not within {@code patience}. */
  boolean awaitEnd(Duration patience) {
    try {
      return process.awaitExit(System.nanoTime() + patience.toNanos()) != null;
    } catch (IOException e) {
      // Whether it has ended cannot be told, so it is treated as one that has not.
      return false;
    }
  }

  /** Kills the process at once. */
  void kill() {
    process.signal(Signals.SIGKILL);
  }

  /**
   * Frees what the launcher holds for the process, which must have ended.
   *
   * @throws IOException if its control group cannot be removed; everything else is free then
   */
  @Override
  public void close() throws IOException {
    requester.close();
    output.close();
    if (jailed == null) {
      process.close();
    } else {
      jailed.close();
    }
  }
}
