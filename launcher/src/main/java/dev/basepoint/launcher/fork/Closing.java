package dev.basepoint.launcher.fork;

import java.util.List;

/** Closes what was opened for something that did not come about. */
final class Closing {
  private Closing() {}

  /** Closes in the reverse order; a failure is added to {@code cause}, which the caller throws. */
  static void all(List<? extends AutoCloseable> opened, Throwable cause) {
    for (AutoCloseable resource : opened.reversed()) {
      try {
        resource.close();
      } catch (Exception e) {
        cause.addSuppressed(e);
      }
    }
  }
}
