package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.sandbox.bpf.OnViolation;
import dev.basepoint.sandbox.bpf.SeccompCompiler;
import dev.basepoint.sandbox.policy.Policy;
import java.io.IOException;
import java.util.List;

/** A process in its jail, with what the launcher holds for it until it has ended. */
public final class JailedProcess implements AutoCloseable {
  private final ChildProcess process;
  private final int pidInside;
  private final int uid;
  private final List<String> notices;
  private final UidPool.Lease lease;
  private final ControlGroup group;

  JailedProcess(
      ChildProcess process,
      int pidInside,
      int uid,
      List<String> notices,
      UidPool.Lease lease,
      ControlGroup group) {
    this.process = process;
    this.pidInside = pidInside;
    this.uid = uid;
    this.notices = List.copyOf(notices);
    this.lease = lease;
    this.group = group;
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

  /** The filter that the process must apply to itself, as {@link SelfSandbox#apply} takes it. */
  public byte[] filter(Policy policy, OnViolation onViolation) {
    return SeccompCompiler.compile(policy.forProcess(pidInside), onViolation).toBytes();
  }

  /** Gives uid and control group back; the process must have ended. */
  @Override
  public void close() throws IOException {
    process.close();
    try {
      if (group != null) {
        group.close();
      }
    } finally {
      if (lease != null) {
        lease.close();
      }
    }
  }
}
