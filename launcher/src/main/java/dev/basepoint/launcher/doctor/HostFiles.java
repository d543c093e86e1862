package dev.basepoint.launcher.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The host's /proc, /sys and /dev, or a tree that stands for them. */
final class HostFiles {
  private final Path root;

  HostFiles(Path root) {
    this.root = root;
  }

  /** The place of the host's absolute {@code path}. */
  Path path(String path) {
    return root.resolve(path.substring(1));
  }

  boolean exists(String path) {
    return Files.exists(path(path));
  }

  /** The text of a file without surrounding blanks; empty if it cannot be read. */
  Optional<String> text(String path) {
    try {
      return Optional.of(Files.readString(path(path)).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The lines of a file; none if it cannot be read. */
  List<String> lines(String path) {
    return text(path).map(text -> text.lines().toList()).orElse(List.of());
  }

  /** What follows {@code key} and a colon in a file of such lines. */
  Optional<String> field(String path, String key) {
    return lines(path).stream()
        .filter(
            line -> line.startsWith(key) && line.substring(key.length()).strip().startsWith(":"))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst();
  }

  /** A whole number in a file of its own. */
  Optional<Long> number(String path) {
    return text(path).filter(text -> text.matches("-?[0-9]{1,18}")).map(Long::parseLong);
  }
}
