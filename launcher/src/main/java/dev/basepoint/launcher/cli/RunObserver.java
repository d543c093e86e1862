package dev.basepoint.launcher.cli;

/** Told about a run while it goes on; methods may be called by any thread. */
public interface RunObserver {
  /** A step begins that may take long enough to be shown, for example "starting blk0". */
  void step(String text);

  /** The guest's console is in use from here on: nothing else may write to the terminal. */
  void guestRuns();

  /** Something is odd, but the run goes on. */
  void warning(String text);
}
