package dev.basepoint.launcher.cli;

/** Runs one VM from its manifest until the guest stops or the run fails. */
public interface VmRunner {
  /**
   * Starts the group of processes, supervises it and ends it; nothing of it is left on return.
   *
   * @return what happened, also if the guest or a process failed
   * @throws CommandException if the group could not be brought to run
   */
  RunResult run(RunRequest request, RunObserver observer) throws CommandException;
}
