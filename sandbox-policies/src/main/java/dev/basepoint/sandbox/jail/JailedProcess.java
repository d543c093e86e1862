package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.SandboxOrder;
import dev.basepoint.sandbox.bpf.OnViolation;
import dev.basepoint.sandbox.bpf.SeccompCompiler;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** A process in its jail, with what the launcher holds for it until it has ended. */
public final class JailedProcess implements AutoCloseable {
  private final ChildProcess process;
  private final int pidInside;
  private final int uid;
  private final List<String> notices;
  private final List<SandboxOrder.Limit> lateLimits;
  private final UidPool.Lease lease;
  private final Future<ControlGroup> joining;

  JailedProcess(
      ChildProcess process,
      int pidInside,
      int uid,
      List<String> notices,
      List<SandboxOrder.Limit> lateLimits,
      UidPool.Lease lease,
      Future<ControlGroup> joining) {
    this.process = process;
    this.pidInside = pidInside;
    this.uid = uid;
    this.notices = List.copyOf(notices);
    this.lateLimits = List.copyOf(lateLimits);
    this.lease = lease;
    this.joining = joining;
  }

  /**
   * Waits until the process is in its control group, which happens while it starts. To be called
   * before it is given anything that comes from a guest or a peer.
   *
   * @throws IOException if it could not be moved there, for example because it has ended
   */
  public void awaitControlGroup() throws IOException {
    group();
  }

  private ControlGroup group() throws IOException {
    try {
      return joining.get();
    } catch (ExecutionException e) {
      throw new JailException(HostIsolation.CONTROL_GROUP, "control group: " + e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("waiting for the control group");
    }
  }

  /** The process itself. */
  public ChildProcess process() {
    return process;
  }

  /** Its pid as it sees it: 1 in a pid namespace of its own. */
  public int pidInside() {
    return pidInside;
  }

  /** The host's uid that it runs under. */
  public int uid() {
    return uid;
  }

  /** What of the policy this host does not enforce, for the user to read; empty if nothing. */
  public List<String> notices() {
    return notices;
  }

  /**
   * What the process must do to itself once it is warm: its part of the policy, with {@code self}
   * standing for its own pid.
   */
  public SandboxOrder order(Policy policy, OnViolation onViolation) {
    return new SandboxOrder(
        lateLimits,
        SeccompCompiler.compile(policy.forProcess(pidInside), onViolation).toBytes(),
        onViolation == OnViolation.NOTIFY);
  }

  /** Gives uid and control group back; the process must have ended. */
  @Override
  public void close() throws IOException {
    process.close();
    try {
      ControlGroup group = group();
      if (group != null) {
        group.close();
      }
    } catch (JailException neverMade) {
      // Reported by awaitControlGroup; there is nothing to remove.
    } finally {
      if (lease != null) {
        lease.close();
      }
    }
  }
}
