package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Starts, pauses, resumes and stops all vCPUs of a machine together.
 *
 * <p>A vCPU looks at the group's wish only when KVM_RUN returns EINTR. Whoever changes the wish
 * sets immediate_exit first and signals the thread second: if the thread is inside the guest the
 * signal gets it out; if it is outside, or about to enter, immediate_exit does. Either way a port
 * or MMIO access under way is completed first, because KVM does that before it looks at
 * immediate_exit. So a paused vCPU always stands at an instruction boundary.
 */
final class VcpuGroup {
  private enum Wish {
    RUN,
    PAUSE,
    STOP
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<VcpuThread> members = new ArrayList<>();
  private final int pid = Syscalls.getpid();
  private Wish wish = Wish.RUN;

  void add(VcpuThread member) {
    members.add(member);
  }

  List<VcpuThread> members() {
    return members;
  }

  /**
   * Called by a vCPU's thread before it enters the guest for the first time, and whenever KVM_RUN
   * was interrupted: waits while the group is paused.
   *
   * @return false if the vCPU is to end
   */
  boolean awaitTurn(VcpuThread member) {
    lock.lock();
    try {
      while (wish == Wish.PAUSE) {
        member.setParked(true);
        changed.signalAll();
        changed.awaitUninterruptibly();
      }
      member.setParked(false);
      if (wish == Wish.STOP) {
        return false;
      }
      member.exit().setImmediateExit(false);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Called by a vCPU's thread as its last act; from then on it is not signalled any more. */
  void finished(VcpuThread member) {
    lock.lock();
    try {
      member.setParked(true);
      member.setTid(0);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Called by a vCPU's thread as its first act. */
  void entered(VcpuThread member) {
    lock.lock();
    try {
      member.setTid(Syscalls.gettid());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Pauses all vCPUs and waits until they stand still.
   *
   * @throws IOException if one does not within the deadline; the others stay paused
   */
  void pause(long deadlineNanos) throws IOException {
    lock.lock();
    try {
      requestPause();
      if (wish == Wish.PAUSE) {
        awaitParked(deadlineNanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Tells all vCPUs to pause; does not wait, so that a vCPU's own thread may call it: that one
   * completes the access under way and pauses too.
   */
  void requestPause() {
    lock.lock();
    try {
      if (wish == Wish.RUN) {
        wish = Wish.PAUSE;
        kickAll();
      }
    } finally {
      lock.unlock();
    }
  }

  void resume() {
    lock.lock();
    try {
      if (wish == Wish.PAUSE) {
        wish = Wish.RUN;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Tells all vCPUs to end; does not wait, so that a vCPU's own thread may call it. */
  void requestStop() {
    lock.lock();
    try {
      wish = Wish.STOP;
      changed.signalAll();
      kickAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until all threads have ended after {@link #requestStop}.
   *
   * @throws IOException if one does not within the deadline
   */
  void join(long deadlineNanos) throws IOException {
    for (VcpuThread member : members) {
      try {
        long leftMillis = (deadlineNanos - System.nanoTime()) / 1_000_000;
        if (!member.join(Math.max(1, leftMillis))) {
          throw new IOException("vCPU " + member.index() + " does not stop");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while vCPUs were stopping", e);
      }
    }
  }

  private void kickAll() {
    for (VcpuThread member : members) {
      member.exit().setImmediateExit(true);
      if (member.tid() != 0) {
        Syscalls.tgkill(pid, member.tid(), Signals.SIG_KICK);
      }
    }
  }

  private void awaitParked(long deadlineNanos) throws IOException {
    for (VcpuThread member : members) {
      while (!member.isParked()) {
        long leftNanos = deadlineNanos - System.nanoTime();
        if (leftNanos <= 0) {
          throw new IOException("vCPU " + member.index() + " does not pause");
        }
        try {
          changed.await(leftNanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted while vCPUs were pausing", e);
        }
      }
    }
  }
}
