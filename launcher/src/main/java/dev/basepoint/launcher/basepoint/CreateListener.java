package dev.basepoint.launcher.basepoint;

/** Told about the making of a template; called by several threads. */
public interface CreateListener {
  /** A step begins that may take long enough to be shown, for example "starting blk0". */
  void step(String text);

  /** Something is odd, but the making goes on. */
  void warning(String text);
}
