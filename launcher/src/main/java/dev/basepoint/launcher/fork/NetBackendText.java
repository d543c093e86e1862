package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.manifest.NetBackend;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A network back end in one word, as command lines and the API have it: {@code echo}, {@code none},
 * {@code tap:DEVICE}, {@code tap:DEVICE@NETNS} or {@code stream:/SOCKET}.
 */
public final class NetBackendText {
  private static final String TAP = "tap:";
  private static final String STREAM = "stream:";
  private static final int INTERFACE_CHARS_MAX = 15;

  private NetBackendText() {}

  /**
   * Reads a back end.
   *
   * @throws IllegalArgumentException with a sentence for the user
   */
  public static NetBackend parse(String text) {
    if (text.equals("echo")) {
      return new NetBackend.Echo();
    }
    if (text.equals("none")) {
      return new NetBackend.None();
    }
    if (text.startsWith(TAP)) {
      return tap(text.substring(TAP.length()));
    }
    if (text.startsWith(STREAM + "/")) {
      return new NetBackend.Stream(Path.of(text.substring(STREAM.length())), false);
    }
    throw new IllegalArgumentException(
        "no network back end is called "
            + text
            + "; give echo, none, tap:DEVICE, tap:DEVICE@NETNS or stream:/SOCKET");
  }

  private static NetBackend.Tap tap(String text) {
    int at = text.indexOf('@');
    String device = at < 0 ? text : text.substring(0, at);
    if (!device.matches("[A-Za-z0-9_.-]{1," + INTERFACE_CHARS_MAX + "}")) {
      throw new IllegalArgumentException(
          "a TAP has a name of 1 to " + INTERFACE_CHARS_MAX + " characters, not " + device);
    }
    return new NetBackend.Tap(
        device, at < 0 ? Optional.empty() : Optional.of(text.substring(at + 1)));
  }
}
