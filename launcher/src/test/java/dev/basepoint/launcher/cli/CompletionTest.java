package dev.basepoint.launcher.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.basepoint.launcher.cli.syntax.BashCompletion;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.output.Terminal;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The completion script, in a real bash. */
final class CompletionTest {
  @TempDir private Path directory;

  @BeforeEach
  void writeScript() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "there is no /bin/bash");
    PrintStream nowhere =
        new PrintStream(java.io.OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    CliContext context =
        new CliContext(
            Terminal.of(nowhere, nowhere, false, Map.of()),
            () -> null,
            () -> new HostFacts(1, 1, 1),
            0,
            0);
    Files.writeString(
        directory.resolve("completion"), BashCompletion.script(Commands.program(context)));
    Files.writeString(directory.resolve("my-vm.yaml"), "version: 1\n");
  }

  /** What the Tab key offers after {@code words}, the last of which is being typed. */
  private String offered(String... words) throws Exception {
    String line =
        "source ./completion; COMP_WORDS=(vmm-launch \"$@\"); COMP_CWORD=$#; _vmm_launch;"
            + " printf '%s\\n' \"${COMPREPLY[@]}\"";
    ProcessBuilder builder = new ProcessBuilder("/bin/bash", "-c", line, "bash");
    builder.command().addAll(java.util.List.of(words));
    Process process = builder.directory(directory.toFile()).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), text);
    return String.join(" ", new TreeSet<>(text.strip().lines().toList()));
  }

  @Test
  void offersCommands() throws Exception {
    assertEquals("validate version", offered("v"));
    assertEquals("demo device doctor", offered("d"));
  }

  @Test
  void offersOptionsOfTheCommand() throws Exception {
    assertEquals("--help --json --schema", offered("validate", "--"));
    assertEquals("--help --json --sandbox", offered("run", "x.yaml", "--"));
  }

  @Test
  void offersFiles() throws Exception {
    assertEquals("my-vm.yaml", offered("run", "my"));
    assertEquals("", offered("demo", "my"));
  }
}
