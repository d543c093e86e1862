package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Option;

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
}
