package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest behind a TAP interface in a network namespace that the test makes and takes away. */
class TapTest {
  @TempDir private Path directory;

  private final String namespace = "bp-tap-" + ProcessHandle.current().pid();

  @BeforeEach
  void makeNamespace() throws Exception {
    Requirements.vm();
    Requirements.root();
    Requirements.program("ip");
    Requirements.program("ping");
    Command.check("ip", "netns", "add", namespace);
    ip("tuntap", "add", "dev", "tap0", "mode", "tap", "vnet_hdr");
    ip("addr", "add", "10.0.2.2/24", "dev", "tap0");
    ip("link", "set", "lo", "up");
    ip("link", "set", "tap0", "up");
  }

  @AfterEach
  void removeNamespace() throws Exception {
    Command.run("ip", "netns", "del", namespace);
  }

  private void ip(String... arguments) throws Exception {
    String[] command = new String[arguments.length + 3];
    command[0] = "ip";
    command[1] = "-n";
    command[2] = namespace;
    System.arraycopy(arguments, 0, command, 3, arguments.length);
    Command.check(command);
  }

  @Test
  void everyPingIsAnswered() throws Exception {
    Path manifest = directory.resolve("tap.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: tap
        memory: 64MiB
        cmdline: probe=serve,shell
        devices:
          - type: net
            backend: {type: tap, device: tap0, netns: %s}
        """
            .formatted(namespace));
    try (Launcher run = Launcher.start("run", manifest.toString())) {
      run.awaitEvent("serving");
      for (String payloadBytes : new String[] {"64", "1400"}) {
        String report =
            Command.run(
                    "ip",
                    "netns",
                    "exec",
                    namespace,
                    "ping",
                    "-q",
                    "-c",
                    "100",
                    "-i",
                    "0.01",
                    "-W",
                    "60",
                    "-s",
                    payloadBytes,
                    "10.0.2.15")
                .output();
        assertTrue(report.contains("100 received"), report + run.output());
      }
      run.type("stat");
      JsonNode net = run.awaitEvent("net");
      assertTrue(net.get("ping_served").asLong() >= 200, net::toString);
      assertEquals(0, net.get("corrupt").asLong());
      run.type("poweroff");
      assertEquals(0, run.awaitExit(), run::output);
    }
  }

  @Test
  void anInterfaceThatIsNotThereIsOneClearError() throws Exception {
    Path manifest = directory.resolve("missing.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: missing
        memory: 64MiB
        devices:
          - type: net
            backend: {type: tap, device: tap0, netns: no-such-namespace}
        """);
    try (Launcher run = Launcher.run("run", manifest.toString())) {
      assertEquals(65, run.awaitExit(), run::output);
      assertTrue(run.output().contains("missing.yaml:6:"), run::output);
      assertTrue(run.output().contains("no-such-namespace"), run::output);
    }
  }
}
