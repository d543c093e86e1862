package dev.basepoint.sandbox.policy;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** Text resources of the {@code dev.basepoint.sandbox} package. */
final class DataFile {
  private static final String FOLDER = "/dev/basepoint/sandbox/";

  private DataFile() {}

  /** The whole text of {@code file}. */
  static String text(String file) {
    return find(file)
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "resource " + FOLDER + file + " is missing from the build"));
  }

  /** The whole text of {@code file}, empty if there is none. */
  static Optional<String> find(String file) {
    try (InputStream in = DataFile.class.getResourceAsStream(FOLDER + file)) {
      return in == null
          ? Optional.empty()
          : Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException("resource " + file, e);
    }
  }

  /** The lines of {@code file} without blank ones and comments. */
  static List<String> lines(String file) {
    return text(file)
        .lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty() && !line.startsWith("#"))
        .toList();
  }
}
