package dev.basepoint.launcher.api;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where a daemon keeps what outlives it, and where its socket is.
 *
 * @param path absolute
 * @param isDefault whether nobody named another
 */
public record StateDirectory(Path path, boolean isDefault) {
  /** Names the directory for a whole session. */
  public static final String VARIABLE = "VMM_STATE_DIR";

  /** Longest path of a socket in bytes: sun_path less its terminating zero, unix(7). */
  private static final int SOCKET_PATH_BYTES_MAX = 107;

  private static final Set<PosixFilePermission> OWNER_ONLY =
      EnumSet.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE);

  /**
   * Finds the directory that a command means: the option's, else the environment's, else the user's
   * own.
   *
   * @throws CommandException if it cannot hold a socket
   */
  public static StateDirectory locate(Optional<String> option, Map<String, String> environment)
      throws CommandException {
    String named = option.orElse(environment.getOrDefault(VARIABLE, ""));
    Path path = named.isEmpty() ? ofUser(environment) : Path.of(named);
    StateDirectory directory =
        new StateDirectory(path.toAbsolutePath().normalize(), named.isEmpty());
    int bytes = directory.socket().toString().getBytes(StandardCharsets.UTF_8).length;
    if (bytes > SOCKET_PATH_BYTES_MAX) {
      throw new CommandException(
          ExitCode.USAGE,
          "the socket "
              + directory.socket()
              + " would have a path of "
              + bytes
              + " bytes, at most "
              + SOCKET_PATH_BYTES_MAX
              + " are possible; choose a shorter --state");
    }
    return directory;
  }

  private static Path ofUser(Map<String, String> environment) {
    if (System.getProperty("user.name").equals("root")) {
      return Path.of("/var/lib/basepoint");
    }
    String states = environment.getOrDefault("XDG_STATE_HOME", "");
    return states.isEmpty()
        ? Path.of(System.getProperty("user.home"), ".local/state/basepoint")
        : Path.of(states, "basepoint");
  }

  /** The API's socket. */
  public Path socket() {
    return path.resolve("api.sock");
  }

  /** Locked by the directory's one daemon. */
  public Path lock() {
    return path.resolve("daemon.lock");
  }

  /**
   * Makes the directory, for its owner alone.
   *
   * @param uid whose it must be
   * @throws CommandException if it is somebody else's, or others may enter it
   */
  public void prepare(int uid) throws CommandException {
    try {
      if (path.getParent() != null) {
        Files.createDirectories(path.getParent());
      }
      if (Files.notExists(path, LinkOption.NOFOLLOW_LINKS)) {
        Files.createDirectory(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
      }
      int owner = (Integer) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS) || owner != uid) {
        throw new CommandException(
            ExitCode.PERMISSION_DENIED,
            path + " is no directory of user " + uid + "; choose another --state");
      }
      if (!OWNER_ONLY.containsAll(Files.getPosixFilePermissions(path))) {
        throw new CommandException(
            ExitCode.PERMISSION_DENIED,
            path + " is open to other users; make it private with: chmod 700 " + path);
      }
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.SYSTEM_ERROR, "the state directory " + path + " cannot be used: " + e, e);
    }
  }
}
