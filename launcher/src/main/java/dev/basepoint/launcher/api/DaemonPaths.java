package dev.basepoint.launcher.api;

import dev.basepoint.launcher.basepoint.StateDirectory;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where a daemon and its clients find each other.
 *
 * @param state absolute
 * @param isDefault whether nobody named another directory
 */
public record DaemonPaths(StateDirectory state, boolean isDefault) {
  /** Longest path of a socket in bytes: sun_path less its terminating zero, unix(7). */
  private static final int SOCKET_PATH_BYTES_MAX = 107;

  private static final Set<PosixFilePermission> OWNER_ONLY =
      EnumSet.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE);

  /**
   * Finds the paths that a command means; see {@link StateDirectory#of}.
   *
   * @throws CommandException if the state directory cannot hold a socket
   */
  public static DaemonPaths locate(Optional<String> option, Map<String, String> environment)
      throws CommandException {
    DaemonPaths paths;
    try {
      boolean isDefault =
          option.isEmpty() && environment.getOrDefault(StateDirectory.ENVIRONMENT, "").isEmpty();
      paths = new DaemonPaths(StateDirectory.of(option, environment), isDefault);
    } catch (IOException e) {
      throw new CommandException(ExitCode.SYSTEM_ERROR, "who you are cannot be read: " + e, e);
    }
    int bytes = paths.socket().toString().getBytes(StandardCharsets.UTF_8).length;
    if (bytes > SOCKET_PATH_BYTES_MAX) {
      throw new CommandException(
          ExitCode.USAGE,
          "the socket "
              + paths.socket()
              + " would have a path of "
              + bytes
              + " bytes, at most "
              + SOCKET_PATH_BYTES_MAX
              + " are possible; choose a shorter --state");
    }
    return paths;
  }

  /** The API's socket. */
  public Path socket() {
    return state.path().resolve("api.sock");
  }

  /** Locked by the directory's one daemon. */
  public Path lock() {
    return state.path().resolve("daemon.lock");
  }

  /**
   * Makes the state directory, for its owner alone.
   *
   * @param uid whose it must be
   * @throws CommandException if it is somebody else's, or others may enter it
   */
  public void prepare(int uid) throws CommandException {
    Path path = state.path();
    try {
      state.create();
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
