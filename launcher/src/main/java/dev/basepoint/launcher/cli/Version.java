package dev.basepoint.launcher.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** The program's version, which the build writes into the jar. */
public final class Version {
  private static final String RESOURCE = "/dev/basepoint/launcher/version.txt";

  private Version() {}

  /** The version as people read it. */
  public static String text() {
    try (InputStream in = Version.class.getResourceAsStream(RESOURCE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
    } catch (IOException e) {
      throw new IllegalStateException("the jar lacks " + RESOURCE, e);
    }
  }
}
