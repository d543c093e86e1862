package dev.basepoint.sandbox.jail;

import static dev.basepoint.sandbox.jail.Check.equal;

import dev.basepoint.sandbox.policy.Namespace;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A launcher without any privilege: starts one process in the strict jail and tries it out. */
public final class RootlessMain {
  private RootlessMain() {}

  public static void main(String[] arguments) throws Exception {
    equal(false, Privilege.own().full());
    Path folder = Files.createTempDirectory("rootless");
    try (JailFixture fixture =
        new JailFixture(Level.STRICT, PolicyParser.shipped(Role.RNG), folder)) {
      equal("unreadable", fixture.receive(new ArrayList<>()));
      equal("-2", fixture.askUnfiltered("open /etc/passwd"));
      fixture.jailed.awaitControlGroup();
      fixture.sandbox();
      equal("done", fixture.ask("work"));
      Path proc = Path.of("/proc", Integer.toString(fixture.process().pid()));
      for (Namespace namespace : Namespace.values()) {
        String link = namespace == Namespace.MOUNT ? "mnt" : namespace.id();
        equal(
            false,
            Files.readSymbolicLink(Path.of("/proc/self/ns", link))
                .equals(Files.readSymbolicLink(proc.resolve("ns").resolve(link))),
            link);
      }
      List<String> status = Files.readAllLines(proc.resolve("status"));
      equal(5L, status.stream().filter(l -> l.matches("Cap.*0000000000000000")).count());
      equal("", fixture.ask("syscall 41 1 1 0"));
      equal(9, fixture.awaitExit().signal());
      equal("socket", fixture.violations.getFirst().syscall());
    } finally {
      for (String name : List.of("child.jar", "output.txt")) {
        Files.deleteIfExists(folder.resolve(name));
      }
      Files.delete(folder);
    }
    System.out.println("works without root");
  }
}
