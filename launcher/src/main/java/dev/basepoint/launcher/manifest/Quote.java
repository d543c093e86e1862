package dev.basepoint.launcher.manifest;

/**
 * Shows untrusted text in messages: a manifest must not be able to send a terminal its sequences.
 */
final class Quote {
  private static final int SHOWN_MAX = 60;

  private Quote() {}

  /** {@code text} in double quotes, shortened, with everything unprintable escaped. */
  static String of(String text) {
    return '"' + clean(text) + '"';
  }

  /** {@code text} shortened, with everything unprintable escaped. */
  static String clean(String text) {
    return text.length() > SHOWN_MAX
        ? printable(text.substring(0, SHOWN_MAX)) + "..."
        : printable(text);
  }

  /** {@code text} with everything unprintable escaped. */
  static String printable(String text) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean plain =
          c >= 0x20 && c != 0x7f && !Character.isISOControl(c) && Character.isDefined(c);
      if (plain && Character.getType(c) != Character.FORMAT) {
        shown.append(c);
      } else {
        shown.append(String.format("\\u%04x", (int) c));
      }
    }
    return shown.toString();
  }
}
