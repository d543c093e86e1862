package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.manifest.VmManifest;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The daemon's VMs by name: those that live, and the last ones that have ended. */
final class VmRegistry {
  private static final int ENDED_MAX = 100;

  /** Longer than any VM takes whose processes are killed after their patience. */
  private static final long END_MILLIS_MAX = 120_000;

  private final int vmsMax;
  private final MemoryBudget budget;
  private final DaemonLog log;
  private final Map<String, DaemonVm> vms = new LinkedHashMap<>();
  private boolean closed;

  VmRegistry(int vmsMax, MemoryBudget budget, DaemonLog log) {
    this.vmsMax = vmsMax;
    this.budget = budget;
    this.log = log;
  }

  /**
   * Takes a name and memory for a VM that is to start; {@link #adopt} or {@link #cancel} follows.
   *
   * @param origin how it comes to be, for people
   * @param memoryBytes to set aside
   * @throws CommandException if the name is taken or a limit is reached
   */
  DaemonVm reserve(VmManifest manifest, String tenant, String origin, long memoryBytes)
      throws CommandException {
    String name = manifest.name();
    synchronized (vms) {
      if (closed) {
        throw new CommandException(ExitCode.WRONG_STATE, "the daemon is shutting down");
      }
      DaemonVm before = vms.get(name);
      if (before != null && !before.ended()) {
        throw new CommandException(
            ExitCode.NAME_TAKEN,
            "VM " + name + " exists already; stop it first, or choose another --name");
      }
      if (living() >= vmsMax) {
        throw new CommandException(
            ExitCode.LIMIT_REACHED,
            vmsMax + " VMs run, which is the limit; stop one, or serve with a larger --max-vms");
      }
      budget.reserve(memoryBytes, "VM " + name);
      DaemonVm vm = new DaemonVm(manifest, tenant, origin, memoryBytes);
      // Behind all others, even where an ended VM had the name.
      vms.remove(name);
      vms.put(name, vm);
      return vm;
    }
  }

  /** Whether no VM that lives has that name. */
  boolean isFree(String name) {
    synchronized (vms) {
      DaemonVm vm = vms.get(name);
      return vm == null || vm.ended();
    }
  }

  /** Gives an entry its VM, which is about to run; one that comes while all are ended ends too. */
  void run(DaemonVm entry, Vm vm) {
    synchronized (vms) {
      entry.run(vm);
      if (closed) {
        vm.requestStop(Outcome.TERMINATED);
      }
    }
  }

  private long living() {
    return vms.values().stream().filter(vm -> !vm.ended()).count();
  }

  /** Gives up a VM that did not come to be. */
  void cancel(DaemonVm vm) {
    synchronized (vms) {
      vm.end(null, null);
      vms.remove(vm.name(), vm);
      budget.release(vm.reservedBytes());
    }
    vm.announceEnd();
  }

  /** Watches a VM that runs. */
  void adopt(DaemonVm entry, Vm vm) {
    log.log("vm-started", Facts.of("vm", entry.name(), "tenant", entry.tenant()));
    var _ = vm.ended().whenComplete((result, failure) -> onEnd(entry, result, failure));
  }

  private void onEnd(DaemonVm entry, RunResult result, Throwable failure) {
    synchronized (vms) {
      entry.end(result, failure);
      budget.release(entry.reservedBytes());
      forgetOldest();
    }
    entry.announceEnd();
    log.log(
        "vm-ended",
        Facts.of(
            "vm",
            entry.name(),
            "outcome",
            result == null ? "unknown" : result.outcome().key(),
            "detail",
            result == null ? entry.failure().orElse("") : result.detail()));
  }

  private void forgetOldest() {
    long surplus = vms.size() - living() - ENDED_MAX;
    Iterator<DaemonVm> oldestFirst = vms.values().iterator();
    while (surplus > 0 && oldestFirst.hasNext()) {
      if (oldestFirst.next().ended()) {
        oldestFirst.remove();
        surplus--;
      }
    }
  }

  /**
   * Finds a VM.
   *
   * @throws CommandException if there is none of that name
   */
  DaemonVm get(String name) throws CommandException {
    synchronized (vms) {
      DaemonVm vm = vms.get(name);
      if (vm == null) {
        throw new CommandException(
            ExitCode.NOT_FOUND, "there is no VM " + name + "; list all with: vmm-launch ps --all");
      }
      return vm;
    }
  }

  /**
   * Finds a VM that lives and has come beyond its beginnings.
   *
   * @throws CommandException if there is none of that name, or it does not
   */
  Vm running(String name) throws CommandException {
    DaemonVm entry = get(name);
    if (entry.ended()) {
      throw new CommandException(ExitCode.WRONG_STATE, "VM " + name + " has ended");
    }
    return entry
        .vm()
        .orElseThrow(
            () -> new CommandException(ExitCode.WRONG_STATE, "VM " + name + " is still starting"));
  }

  /** The VMs, oldest first. */
  List<DaemonVm> list(boolean withEnded) {
    synchronized (vms) {
      return vms.values().stream().filter(vm -> withEnded || !vm.ended()).toList();
    }
  }

  /** Ends all VMs, and lets none start any more. */
  void close() {
    synchronized (vms) {
      closed = true;
    }
    List<CompletableFuture<Void>> ends = new ArrayList<>();
    for (DaemonVm entry : list(false)) {
      // One that is still being put together is stopped when it is given its VM.
      entry.vm().ifPresent(vm -> vm.requestStop(Outcome.TERMINATED));
      ends.add(entry.gone());
    }
    try {
      CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new))
          .handle((_, _) -> null)
          .get(END_MILLIS_MAX, TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException e) {
      log.log("stop-incomplete", Facts.of("reason", String.valueOf(e)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
