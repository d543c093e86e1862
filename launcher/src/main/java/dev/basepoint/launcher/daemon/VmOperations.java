package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.api.ApiReply;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.launcher.group.StartFailure;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmStateException;
import java.io.IOException;
import java.time.Duration;
import java.util.SequencedMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What can be done to VMs that exist. */
final class VmOperations {
  private static final int CONSOLE_CHUNK_BYTES_MAX = 64 * 1024;

  private final VmRegistry registry;

  VmOperations(VmRegistry registry) {
    this.registry = registry;
  }

  /**
   * @param daemon facts about the daemon
   */
  SequencedMap<String, Object> list(boolean all, SequencedMap<String, Object> daemon) {
    return Facts.of(
        "daemon", daemon, "vms", registry.list(all).stream().map(VmDescription::brief).toList());
  }

  SequencedMap<String, Object> inspect(String name) throws CommandException {
    return VmDescription.full(registry.get(name));
  }

  /**
   * Ends a VM and waits for that.
   *
   * @param patienceMillis for its processes; 0 for what the manifest says
   * @param deadline how long to wait
   */
  SequencedMap<String, Object> stop(String name, int patienceMillis, Duration deadline)
      throws CommandException {
    DaemonVm entry = registry.get(name);
    Vm vm = registry.running(name);
    if (patienceMillis == 0) {
      vm.requestStop(Outcome.STOPPED);
    } else {
      vm.requestStop(Outcome.STOPPED, Duration.ofMillis(patienceMillis));
    }
    try {
      entry.gone().get(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new CommandException(
          ExitCode.TIMED_OUT, "VM " + name + " has not ended yet; it goes on doing so", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw shuttingDown(e);
    }
    return VmDescription.brief(entry);
  }

  /** Waits until a VM has ended, at most {@code waitMillis}; then tells everything about it. */
  SequencedMap<String, Object> await(String name, int waitMillis) throws CommandException {
    DaemonVm entry = registry.get(name);
    try {
      entry.gone().get(waitMillis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      // The facts say that it lives.
      return VmDescription.full(entry);
    } catch (ExecutionException e) {
      throw new IllegalStateException("the end of a VM is announced, not failed", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw shuttingDown(e);
    }
    return VmDescription.full(entry);
  }

  private static CommandException shuttingDown(InterruptedException cause) {
    return new CommandException(ExitCode.WRONG_STATE, "the daemon is shutting down", cause);
  }

  SequencedMap<String, Object> pause(String name, Duration deadline) throws CommandException {
    return change(name, vm -> vm.pause(deadline));
  }

  SequencedMap<String, Object> resume(String name, Duration deadline) throws CommandException {
    return change(name, vm -> vm.resume(deadline));
  }

  @FunctionalInterface
  private interface Change {
    void apply(Vm vm) throws IOException, VmStateException;
  }

  private SequencedMap<String, Object> change(String name, Change change) throws CommandException {
    Vm vm = registry.running(name);
    try {
      change.apply(vm);
    } catch (VmStateException e) {
      throw new CommandException(ExitCode.WRONG_STATE, e.getMessage(), e);
    } catch (IOException e) {
      throw StartFailure.of(e);
    }
    return VmDescription.brief(registry.get(name));
  }

  ApiReply readConsole(String name, long position, int waitMillis) throws CommandException {
    try {
      ConsoleLog.Chunk chunk =
          registry.get(name).console().read(position, CONSOLE_CHUNK_BYTES_MAX, waitMillis);
      return new ApiReply.Console(chunk.position(), chunk.bytes(), chunk.ended());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw shuttingDown(e);
    }
  }

  /** Types at a guest; what it does not take in time is not typed, and the reply says so. */
  SequencedMap<String, Object> writeConsole(String name, byte[] input, Duration deadline)
      throws CommandException {
    Vm vm = registry.running(name);
    try {
      return Facts.of("written", vm.console().write(input, input.length, deadline));
    } catch (IOException | IllegalStateException e) {
      // Closed under our hands.
      throw new CommandException(ExitCode.WRONG_STATE, "VM " + name + " has ended", e);
    }
  }
}
