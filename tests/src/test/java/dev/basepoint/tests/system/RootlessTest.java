package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.tests.escape.Victim;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Launchers of other users, and installations that others cannot read. */
class RootlessTest {
  private static final int NOBODY = 65534;
  private static final int PERMISSION_DENIED = 77;

  /** Offers /dev/kvm to everybody, in a mount namespace of its own, then becomes nobody. */
  private static final String AS_NOBODY =
      """
      set -e
      mkdir "$0/dev"
      mount -t tmpfs -o mode=755 kvm "$0/dev"
      mknod "$0/dev/kvm" c 10 232
      chmod 666 "$0/dev/kvm"
      mount --bind "$0/dev/kvm" /dev/kvm
      exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
      --inh-caps=-all "$@"
      """;

  @TempDir private Path directory;

  private String manifest;

  @BeforeEach
  void copyProgram() throws Exception {
    Requirements.vm();
    Requirements.root();
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    manifest =
        Files.writeString(
                directory.resolve("rootless.yaml"),
                """
                version: 1
                name: rootless
                memory: 64MiB
                cmdline: probe=rng,blk,net,poweroff
                devices:
                  - type: blk
                    scratch: 8MiB
                  - type: net
                    backend: {type: echo}
                  - type: rng
                """)
            .toString();
  }

  /** The launcher's command line, with copies of all jars of these permissions. */
  private List<String> copies(String permissions, String... arguments) throws Exception {
    List<String> properties = new ArrayList<>();
    for (Victim victim : Victim.values()) {
      Path copy = copy(Launcher.jar(victim.module()), permissions);
      properties.add("-Dvmm.jar." + victim.module() + "=" + copy);
    }
    List<String> command = new ArrayList<>(Launcher.command(properties, arguments));
    int jar = command.indexOf("-jar") + 1;
    command.set(jar, copy(Path.of(command.get(jar)), permissions).toString());
    return command;
  }

  private Path copy(Path jar, String permissions) throws Exception {
    Path copy = Files.copy(jar, directory.resolve(jar.getFileName()));
    return Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString(permissions));
  }

  @Test
  void nobodyRunsAVmInTheStrictSandbox() throws Exception {
    Requirements.program("unshare");
    Requirements.program("setpriv");
    List<String> command =
        new ArrayList<>(List.of("unshare", "--mount", "sh", "-c", AS_NOBODY, directory.toString()));
    command.addAll(copies("rw-r--r--", "run", manifest, "--json"));
    try (Launcher run = Launcher.startCommand(command)) {
      assertEquals(0, run.awaitExit(), run::output);
      assertEquals("powered-off", run.json().get("outcome").asText(), run::output);
      int children = 0;
      for (JsonNode process : run.json().get("processes")) {
        assertEquals(NOBODY, process.get("uid").asInt(), run::output);
        if (!process.get("role").asText().equals("launcher")) {
          children++;
          assertEquals("strict", process.get("sandbox").asText());
          assertEquals(0, process.get("violations").asInt(), run::output);
        }
      }
      assertEquals(4, children);
      for (JsonNode device : run.json().get("devices")) {
        assertTrue(device.get("requests").asInt() > 0, run::output);
        assertEquals(0, device.get("errors").asInt(), run::output);
      }
    }
  }

  /** As after an installation under umask 077: root can read the jars, a sandboxed uid cannot. */
  @Test
  void jarsThatOthersCannotReadAreNamed() throws Exception {
    try (Launcher run = Launcher.startCommand(copies("rw-------", "run", manifest))) {
      assertEquals(PERMISSION_DENIED, run.awaitExit(), run::output);
      String message = run.output();
      assertTrue(message.contains("vmm-main-"), message);
      assertTrue(message.contains("chmod"), message);
    }
  }
}
