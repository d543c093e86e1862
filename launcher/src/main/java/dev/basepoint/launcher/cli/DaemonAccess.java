package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.basepoint.StateDirectory;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Option;
import java.io.IOException;

/** How commands reach the daemon. */
final class DaemonAccess {
  /** {@code --state} of every command that talks to the daemon. */
  static final Option STATE =
      Option.valued(
          "--state",
          "DIR",
          "The daemon's state directory; default: VMM_STATE_DIR, else /var/lib/basepoint for root"
              + " and ~/.local/state/basepoint for others.");

  /** {@code --tenant} of commands that make something. */
  static final Option TENANT =
      Option.valued("--tenant", "NAME", "Whose it is to be (root only); default: the caller.");

  private DaemonAccess() {}

  static DaemonPaths paths(Arguments arguments) throws CommandException {
    return DaemonPaths.locate(arguments.value(STATE), System.getenv());
  }

  static ApiClient connect(Arguments arguments) throws CommandException {
    return ApiClient.connect(paths(arguments), arguments.value(TENANT).orElse(""));
  }

  /** Whose objects a command means that needs no daemon. */
  static String tenant(Arguments arguments) throws CommandException {
    String own;
    try {
      own = StateDirectory.tenantOf(StateDirectory.uid());
    } catch (IOException e) {
      throw new CommandException(ExitCode.SYSTEM_ERROR, "who you are cannot be read: " + e, e);
    }
    String named = arguments.value(TENANT).orElse(own);
    if (!named.equals(own) && !own.equals(StateDirectory.tenantOf(0))) {
      throw new CommandException(
          ExitCode.PERMISSION_DENIED, own + " may not act for tenant " + named + "; only root may");
    }
    return named;
  }
}
