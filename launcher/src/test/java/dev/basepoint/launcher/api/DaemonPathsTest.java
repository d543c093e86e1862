package dev.basepoint.launcher.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.launcher.basepoint.StateDirectory;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which directory a command means, and which ones a daemon may use. */
final class DaemonPathsTest {
  @TempDir private Path directory;

  private DaemonPaths paths(String name) throws Exception {
    return DaemonPaths.locate(Optional.of(directory.resolve(name).toString()), Map.of());
  }

  @Test
  void optionWinsOverEnvironmentOverDefault() throws Exception {
    Map<String, String> environment =
        Map.of(StateDirectory.ENVIRONMENT, "/tmp/of-environment", "XDG_STATE_HOME", "/tmp/xdg");
    DaemonPaths option = DaemonPaths.locate(Optional.of("/tmp/of-option"), environment);
    assertEquals(Path.of("/tmp/of-option/api.sock"), option.socket());
    assertFalse(option.isDefault());
    DaemonPaths variable = DaemonPaths.locate(Optional.empty(), environment);
    assertEquals(Path.of("/tmp/of-environment/daemon.lock"), variable.lock());
    assertFalse(variable.isDefault());
    assertTrue(DaemonPaths.locate(Optional.empty(), Map.of()).isDefault());
  }

  @Test
  void pathTooLongForASocketIsRefused() {
    CommandException refused = assertThrows(CommandException.class, () -> paths("x".repeat(107)));
    assertEquals(ExitCode.USAGE, refused.exitCode());
  }

  @Test
  void directoryIsMadeForItsOwnerAlone() throws Exception {
    DaemonPaths paths = paths("new");
    paths.prepare(StateDirectory.uid());
    assertEquals(
        PosixFilePermissions.fromString("rwx------"),
        Files.getPosixFilePermissions(paths.state().path()));
    paths.prepare(StateDirectory.uid());
  }

  @Test
  void directoriesOfOthersOrOpenToThemAreRefused() throws Exception {
    DaemonPaths open = paths("open");
    open.prepare(StateDirectory.uid());
    Files.setPosixFilePermissions(
        open.state().path(), PosixFilePermissions.fromString("rwxr-x---"));
    int own = StateDirectory.uid();
    CommandException refused = assertThrows(CommandException.class, () -> open.prepare(own));
    assertEquals(ExitCode.PERMISSION_DENIED, refused.exitCode());
    assertTrue(refused.getMessage().contains("chmod 700"), refused::getMessage);

    DaemonPaths foreign = paths("foreign");
    foreign.prepare(own);
    assertThrows(CommandException.class, () -> foreign.prepare(own + 1));

    Files.createSymbolicLink(directory.resolve("link"), foreign.state().path());
    assertThrows(CommandException.class, () -> paths("link").prepare(own));
  }
}
