package dev.basepoint.launcher.manifest;

/**
 * One thing wrong with a manifest.
 *
 * @param severity whether the manifest is refused for it
 * @param file the manifest as the user named it
 * @param line counted from 1
 * @param column counted from 1
 * @param key path to the value, for example {@code devices[0].image}; empty for the whole text
 * @param message what is wrong
 * @param hint the nearest valid choice or what to do, or empty
 */
public record Problem(
    Severity severity, String file, int line, int column, String key, String message, String hint) {
  /** Whether a problem stops a run. */
  public enum Severity {
    ERROR,
    WARNING
  }

  /** One line as compilers write it: {@code file:line:column: key: message; hint}. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(file).append(':').append(line).append(':').append(column).append(": ");
    if (severity == Severity.WARNING) {
      text.append("warning: ");
    }
    if (!key.isEmpty()) {
      text.append(key).append(": ");
    }
    text.append(message);
    if (!hint.isEmpty()) {
      text.append("; ").append(hint);
    }
    return text.toString();
  }
}
