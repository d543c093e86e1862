package dev.basepoint.launcher.manifest;

import java.nio.file.Path;

/** Where the guest's serial port goes. */
public sealed interface ConsoleTarget {
  /** The launcher's own standard input and output. */
  record Stdio() implements ConsoleTarget {}

  /** Output is appended to a file; there is no input. */
  record LogFile(Path path) implements ConsoleTarget {}

  /** Output is discarded; there is no input. */
  record None() implements ConsoleTarget {}
}
