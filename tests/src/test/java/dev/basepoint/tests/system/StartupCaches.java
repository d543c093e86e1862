package dev.basepoint.tests.system;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Start-up caches of the children's jars, as the start script makes them: made once per build, by
 * whichever test needs them first. They halve what a process costs, for tests that start thousands.
 */
final class StartupCaches {
  private static final List<String> ROLES =
      List.of("vmm-main", "device-server-blk", "device-server-net", "device-server-rng");

  private static List<String> properties;

  private StartupCaches() {}

  /** What tells a launcher of them; empty where they cannot be made. */
  static synchronized List<String> properties() throws Exception {
    if (properties == null) {
      Path directory = Launcher.root().resolve("tests/target/startup-caches");
      if (!areCurrent(directory)) {
        train(directory);
      }
      properties = new ArrayList<>();
      for (String role : ROLES) {
        Path cache = cache(directory, role);
        if (Files.exists(cache)) {
          properties.add("-Dvmm.aot." + role + "=" + cache);
        }
      }
    }
    return properties;
  }

  private static Path cache(Path directory, String role) {
    return directory.resolve(role + ".new.aot");
  }

  /** Whether every cache is younger than its jar. */
  private static boolean areCurrent(Path directory) throws Exception {
    for (String role : ROLES) {
      Path cache = cache(directory, role);
      if (!Files.exists(cache)
          || Files.getLastModifiedTime(cache).compareTo(Files.getLastModifiedTime(jar(role)))
              <= 0) {
        return false;
      }
    }
    return true;
  }

  private static Path jar(String role) throws Exception {
    try (Stream<Path> files = Files.list(Launcher.root().resolve(role).resolve("target"))) {
      return files
          .filter(file -> file.getFileName().toString().matches(role + "-.*-all\\.jar"))
          .findFirst()
          .orElseThrow();
    }
  }

  private static void train(Path directory) throws Exception {
    Files.createDirectories(directory);
    for (String role : ROLES) {
      Files.deleteIfExists(cache(directory, role));
    }
    try (Launcher training =
        Launcher.start(
            List.of("-Dvmm.trainStartup=true", "-Dvmm.trainRoles=" + directory), "version")) {
      training.awaitExit();
    }
  }
}
