package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.sandbox.policy.Confinement.Count;
import dev.basepoint.sandbox.policy.Confinement.DeclaredFd;
import dev.basepoint.sandbox.policy.Confinement.DeclaredMapping;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** That every process of a serving VM holds what its policy declares, no more and no less. */
class HoldingsTest {
  private static final int BLK_QUEUES = 3;
  private static final int NET_QUEUES = 2;
  private static final int RNG_QUEUES = 1;
  private static final int DEVICES = 3;
  private static final int VCPUS = 2;

  @TempDir private Path directory;

  @BeforeEach
  void requireVm() throws Exception {
    Requirements.vm();
    Requirements.root();
  }

  private Launcher startServingVm() throws Exception {
    Path manifest = directory.resolve("holding.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: holding
        memory: 64MiB
        vcpus: %d
        cmdline: probe=rng,blk,net,shell
        devices:
          - type: blk
            scratch: 8MiB
            queues: %d
          - type: net
            backend: {type: echo}
          - type: rng
            bytesPerSecond: 64MiB
        """
            .formatted(VCPUS, BLK_QUEUES));
    Launcher run = Launcher.start("run", manifest.toString());
    run.awaitEvent("shell");
    return run;
  }

  private static Role role(long pid) throws IOException {
    String command = Files.readString(Path.of("/proc/" + pid + "/cmdline"));
    for (Map.Entry<String, Role> role :
        Map.of(
                "dev.basepoint.vmm.Main", Role.VMM_MAIN,
                "dev.basepoint.device.blk.Main", Role.BLK,
                "dev.basepoint.device.net.Main", Role.NET,
                "dev.basepoint.device.rng.Main", Role.RNG)
            .entrySet()) {
      if (command.contains(role.getKey())) {
        return role.getValue();
      }
    }
    throw new AssertionError("process " + pid + " is " + command);
  }

  /** What this test's VM gives to a process of {@code role}. */
  private static Map<String, Integer> given(Role role) {
    return switch (role) {
      case VMM_MAIN ->
          Map.of(
              "queues", BLK_QUEUES + NET_QUEUES + RNG_QUEUES, "devices", DEVICES, "vcpus", VCPUS);
      case BLK -> Map.of("queues", BLK_QUEUES, "files", 1);
      case NET -> Map.of("queues", NET_QUEUES);
      case RNG -> Map.of("queues", RNG_QUEUES);
      default -> throw new AssertionError("this VM has no " + role);
    };
  }

  /** Least and most of each kind. */
  private static final class Bounds {
    private final Map<String, Integer> least = new TreeMap<>();
    private final Map<String, Integer> most = new TreeMap<>();

    void add(String kind, Count count, Map<String, Integer> given) {
      least.merge(kind, count.min().at(given), Integer::sum);
      most.merge(kind, count.max().at(given), Integer::sum);
    }

    /** What is not as declared, as sentences. */
    List<String> objections(String who, Map<String, Integer> held) {
      List<String> objections = new ArrayList<>();
      Set<String> kinds = new HashSet<>(most.keySet());
      kinds.addAll(held.keySet());
      for (String kind : kinds) {
        int count = held.getOrDefault(kind, 0);
        int from = least.getOrDefault(kind, 0);
        int to = most.getOrDefault(kind, 0);
        if (count < from || count > to) {
          objections.add(who + " has " + count + " " + kind + ", declared " + from + ".." + to);
        }
      }
      return objections;
    }
  }

  @Test
  void everyProcessHoldsExactlyWhatItsPolicyDeclares() throws Exception {
    try (Launcher run = startServingVm()) {
      List<String> objections = new ArrayList<>();
      Set<Role> seen = new HashSet<>();
      for (long pid : run.children()) {
        Role role = role(pid);
        seen.add(role);
        Policy policy = PolicyParser.shipped(role);
        Holdings held = Holdings.of(pid);
        Bounds fds = new Bounds();
        for (DeclaredFd fd : policy.fds()) {
          if (!fd.passing()) {
            fds.add(fd.kind(), fd.count(), given(role));
          }
        }
        objections.addAll(fds.objections(role.id() + "'s descriptors:", held.fds()));
        Bounds mappings = new Bounds();
        for (DeclaredMapping mapping : policy.mappings()) {
          mappings.add(mapping.kind(), mapping.count(), given(role));
        }
        objections.addAll(mappings.objections(role.id() + "'s mappings:", held.sharedObjects()));
        for (String file : held.privateFiles()) {
          if (!ofJvm(file)) {
            objections.add(role.id() + " maps " + file);
          }
        }
        if (held.writableFiles().size() != (role == Role.BLK ? 1 : 0)) {
          objections.add(role.id() + " may write " + held.writableFiles());
        }
      }
      assertEquals(List.of(), objections);
      assertEquals(Set.of(Role.VMM_MAIN, Role.BLK, Role.NET, Role.RNG), seen);
      run.type("poweroff");
      assertEquals(0, run.awaitExit(), run::output);
    }
  }

  /** The JDK's own files, the loader and the C library. */
  private static boolean ofJvm(String file) {
    return file.startsWith(System.getProperty("java.home") + "/")
        || ((file.startsWith("/usr/lib") || file.startsWith("/lib")) && file.contains(".so"));
  }

  @Test
  void namespacesHoldNobodyElseAndNothing() throws Exception {
    try (Launcher run = startServingVm()) {
      for (long pid : run.children()) {
        Path process = Path.of("/proc/" + pid);
        String who = role(pid).id();
        assertEquals(List.of(pid), processesIn(Files.readSymbolicLink(process.resolve("ns/pid"))));
        assertEquals("1", lastOf(process.resolve("status"), "NSpid:"), who);
        List<String> interfaces =
            Files.readAllLines(process.resolve("net/dev")).stream()
                .skip(2)
                .map(line -> line.strip().split(":", 2)[0])
                .toList();
        assertTrue(Set.of("lo").containsAll(interfaces), () -> who + " has " + interfaces);
        // An address of lo would be here, were it up.
        assertEquals("", Files.readString(process.resolve("net/if_inet6")), who);
        assertEquals(List.of(), withoutHead(process.resolve("net/route")), who);
        assertEquals(List.of(), withoutHead(process.resolve("net/unix")), who);
        assertEquals("", Files.readString(process.resolve("uid_map")), who);
        assertEquals("", Files.readString(process.resolve("gid_map")), who);
        for (String mount : Files.readAllLines(process.resolve("mountinfo"))) {
          String options = mount.split(" ", -1)[5];
          assertTrue(
              List.of(options.split(",", -1)).containsAll(List.of("ro", "nosuid", "nodev")),
              () -> who + " mounts " + mount);
        }
      }
      run.type("poweroff");
      assertEquals(0, run.awaitExit(), run::output);
    }
  }

  private static List<String> withoutHead(Path table) throws IOException {
    return Files.readAllLines(table).stream().skip(1).toList();
  }

  private static List<Long> processesIn(Path pidNamespace) throws IOException {
    List<Long> pids = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : all) {
        try {
          if (Files.readSymbolicLink(process.resolve("ns/pid")).equals(pidNamespace)) {
            pids.add(Long.parseLong(process.getFileName().toString()));
          }
        } catch (IOException endedMeanwhile) {
          // Whoever has ended is in no namespace.
        }
      }
    }
    return pids;
  }

  private static String lastOf(Path status, String key) throws IOException {
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith(key)) {
        String[] words = line.split("\\s+", -1);
        return words[words.length - 1];
      }
    }
    throw new IOException(status + " has no " + key);
  }
}
