package dev.basepoint.launcher.doctor;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Programs of the host. */
final class Tools {
  private final List<Path> directories = new ArrayList<>();

  /**
   * @param path directories with colons between them, as PATH has them
   */
  Tools(String path) {
    for (String directory : (path + ":/usr/sbin:/sbin").split(":", -1)) {
      if (!directory.isEmpty()) {
        directories.add(Path.of(directory));
      }
    }
  }

  /** Where a program is. */
  Optional<Path> find(String program) {
    return directories.stream()
        .map(directory -> directory.resolve(program))
        .filter(Files::isExecutable)
        .findFirst();
  }
}
