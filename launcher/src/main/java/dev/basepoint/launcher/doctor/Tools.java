package dev.basepoint.launcher.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Programs of the host. */
final class Tools {
  private static final int TRIAL_SECONDS_MAX = 5;

  private final List<Path> directories = new ArrayList<>();
  private final boolean root;

  /**
   * @param path directories with colons between them, as PATH has them
   * @param root whether this process runs as root
   */
  Tools(String path, boolean root) {
    for (String directory : (path + ":/usr/sbin:/sbin").split(":", -1)) {
      if (!directory.isEmpty()) {
        directories.add(Path.of(directory));
      }
    }
    this.root = root;
  }

  /** What became of a trial. */
  sealed interface Trial {
    record Worked() implements Trial {}

    record Failed(String reason) implements Trial {}

    record NotTried(String reason) implements Trial {}
  }

  /** Where a program is. */
  Optional<Path> find(String program) {
    return directories.stream()
        .map(directory -> directory.resolve(program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Makes a namespace for a moment, in a process of its own. */
  Trial tryNamespace(NamespaceKind kind) {
    Optional<Path> unshare = find("unshare");
    if (unshare.isEmpty()) {
      return new Trial.NotTried("there is no unshare program");
    }
    List<String> command = new ArrayList<>();
    command.add(unshare.get().toString());
    if (!root && kind != NamespaceKind.USER) {
      command.add("--user");
      command.add("--map-root-user");
    }
    command.add("--" + kind.key());
    if (kind == NamespaceKind.PID) {
      command.add("--fork");
    }
    command.add("true");
    return run(command);
  }

  private static Trial run(List<String> command) {
    Process process = null;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      if (!process.waitFor(TRIAL_SECONDS_MAX, TimeUnit.SECONDS)) {
        return new Trial.Failed("the trial did not end within " + TRIAL_SECONDS_MAX + " s");
      }
      String output = new String(process.getInputStream().readNBytes(4096), StandardCharsets.UTF_8);
      return process.exitValue() == 0
          ? new Trial.Worked()
          : new Trial.Failed(
              output.lines().findFirst().orElse("exit status " + process.exitValue()));
    } catch (IOException e) {
      return new Trial.NotTried(e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Trial.NotTried("interrupted");
    } finally {
      if (process != null) {
        process.destroyForcibly();
      }
    }
  }
}
