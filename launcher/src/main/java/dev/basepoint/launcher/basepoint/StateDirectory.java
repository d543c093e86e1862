package dev.basepoint.launcher.basepoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;

/**
 * Where everything is kept that outlives a command.
 *
 * @param path absolute
 */
public record StateDirectory(Path path) {
  /** The environment variable that names a state directory. */
  public static final String ENVIRONMENT = "VMM_STATE_DIR";

  /**
   * The state directory of a command: as its option says, else as the environment says, else
   * /var/lib/basepoint for root, and below the home directory for others.
   */
  public static StateDirectory of(Optional<String> option, Map<String, String> environment)
      throws IOException {
    String named = option.orElse(environment.getOrDefault(ENVIRONMENT, ""));
    if (!named.isEmpty()) {
      return new StateDirectory(Path.of(named).toAbsolutePath().normalize());
    }
    if (uid() == 0) {
      return new StateDirectory(Path.of("/var/lib/basepoint"));
    }
    String base = environment.getOrDefault("XDG_STATE_HOME", "");
    Path parent =
        base.isEmpty() ? Path.of(System.getProperty("user.home"), ".local/state") : Path.of(base);
    return new StateDirectory(parent.resolve("basepoint").toAbsolutePath());
  }

  /** The uid of this process. */
  public static int uid() throws IOException {
    return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
  }

  /** The tenant that a user's templates belong to unless root names another. */
  public static String tenantOf(int uid) {
    return "uid-" + uid;
  }

  /** Makes the directory, for its owner alone, unless it exists. */
  public void create() throws IOException {
    createPrivate(path);
  }

  static void createPrivate(Path directory) throws IOException {
    Files.createDirectories(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
  }
}
