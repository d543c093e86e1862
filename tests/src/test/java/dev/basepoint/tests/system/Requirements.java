package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a system test needs of the host; a test that lacks it is skipped with the reason. */
final class Requirements {
  private Requirements() {}

  /** The built jars and a usable /dev/kvm. */
  static void vm() throws IOException {
    assumeTrue(Launcher.jar() != null, "the launcher's jar is not built yet: run mvn verify");
    assumeTrue(
        Files.isReadable(Path.of("/dev/kvm")) && Files.isWritable(Path.of("/dev/kvm")),
        "no usable /dev/kvm on this host");
  }

  /** Root, for namespaces and interfaces. */
  static void root() {
    assumeTrue(System.getProperty("user.name").equals("root"), "needs root");
  }

  /** A program on the path. */
  static void program(String name) {
    boolean present = false;
    for (String directory : System.getenv("PATH").split(":", -1)) {
      present |= Files.isExecutable(Path.of(directory, name));
    }
    assumeTrue(
        present || Files.isExecutable(Path.of("/usr/sbin", name)), name + " is not installed");
  }
}
