package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What confines the processes of a running VM, as the host's kernel tells it. */
class SandboxTest {
  private static final List<String> NAMESPACES =
      List.of("mnt", "pid", "net", "ipc", "uts", "user", "cgroup");
  private static final List<String> CAPABILITY_SETS =
      List.of("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb");
  private static final int CHILDREN = 4;

  @TempDir private Path directory;

  @BeforeEach
  void requireVm() throws Exception {
    Requirements.vm();
    Requirements.root();
  }

  private String manifest(String probe) throws IOException {
    return Files.writeString(
            directory.resolve(probe + ".yaml"),
            """
            version: 1
            name: confined
            memory: 64MiB
            cmdline: probe=%s
            devices:
              - type: blk
                scratch: 1MiB
              - type: net
                backend: {type: echo}
              - type: rng
            """
                .formatted(probe))
        .toString();
  }

  private static Map<String, String> status(Path process) throws IOException {
    Map<String, String> status = new TreeMap<>();
    for (String line : Files.readAllLines(process.resolve("status"))) {
      String[] halves = line.split(":\\s*", 2);
      status.put(halves[0], halves[1]);
    }
    return status;
  }

  private static String namespace(long pid, String kind) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/" + kind)).toString();
  }

  @Test
  void everyThreadOfEveryChildIsConfined() throws Exception {
    try (Launcher run = Launcher.start("run", manifest("shell"))) {
      run.awaitEvent("shell");
      List<Long> children = run.children();
      assertEquals(CHILDREN, children.size(), run::output);
      Set<String> uids = new HashSet<>();
      for (long pid : children) {
        assertConfined(pid);
        assertTrue(uids.add(status(Path.of("/proc/" + pid)).get("Uid")), "two with one uid");
        for (String kind : NAMESPACES) {
          assertNotEquals(namespace(run.pid(), kind), namespace(pid, kind), kind);
        }
        assertSeesJvmOnly(pid);
      }
      run.type("poweroff");
      assertEquals(0, run.awaitExit(), run::output);
    }
  }

  private static void assertConfined(long pid) throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
      for (Path task : tasks.toList()) {
        if (!Files.exists(task)) {
          continue; // A compiler's thread that has ended meanwhile.
        }
        Map<String, String> status = status(task);
        String who = task + " " + status.get("Name");
        assertEquals("2", status.get("Seccomp"), who);
        assertEquals("1", status.get("NoNewPrivs"), who);
        for (String set : CAPABILITY_SETS) {
          assertTrue(status.get(set).matches("0+"), () -> who + " has " + set);
        }
        Set<String> uids = Set.copyOf(List.of(status.get("Uid").split("\t").clone()));
        assertEquals(1, uids.size(), who);
        assertFalse(uids.contains("0"), who);
      }
    }
  }

  /** The root of a child holds the JDK, the C library and one jar; all else of the host is gone. */
  private static void assertSeesJvmOnly(long pid) throws IOException {
    // A walk does not follow the link itself.
    Path root = Path.of("/proc/" + pid + "/root/.");
    Path javaHome = root.resolve(Path.of(System.getProperty("java.home")).toString().substring(1));
    try (Stream<Path> all = Files.walk(root)) {
      List<Path> files =
          all.filter(path -> !Files.isDirectory(path) && !path.startsWith(javaHome)).toList();
      List<Path> jars = files.stream().filter(path -> path.toString().endsWith(".jar")).toList();
      assertEquals(1, jars.size(), jars::toString);
      List<Path> others =
          files.stream()
              .filter(path -> !jars.contains(path) && !path.toString().contains(".so"))
              .toList();
      assertEquals(List.of(), others);
    }
    // The jar keeps its path, so the directory above a project in /tmp or /home is there, but
    // empty.
    String ofProject = Launcher.root().toRealPath().getName(0).toString();
    for (String directory : List.of("proc", "sys", "dev", "etc", "tmp", "home", "root", "run")) {
      if (!directory.equals(ofProject)) {
        assertFalse(Files.exists(root.resolve(directory + "/.")), directory);
      }
    }
  }

  @Test
  void factsTellUidAndLevel() throws Exception {
    try (Launcher run = Launcher.run("run", manifest("poweroff"), "--json")) {
      assertEquals(0, run.awaitExit(), run::output);
      Set<Integer> uids = new HashSet<>();
      for (JsonNode process : run.json().get("processes")) {
        boolean launcher = process.get("role").asText().equals("launcher");
        assertEquals(launcher ? "off" : "strict", process.get("sandbox").asText());
        assertEquals(0, process.get("violations").asInt(), run::output);
        assertTrue(uids.add(process.get("uid").asInt()), process::toString);
      }
      assertEquals(CHILDREN + 1, uids.size());
    }
  }

  @Test
  void nothingIsLeftOfAnInterruptedRun() throws Exception {
    Set<Path> before;
    long launcher;
    try (Launcher run = Launcher.start("run", manifest("shell"))) {
      run.awaitEvent("shell");
      launcher = run.pid();
      before = controlGroups(launcher);
      run.interrupt();
      assertEquals(130, run.awaitExit(), run::output);
    }
    assumeTrue(!before.isEmpty(), "this host lets no control group be made");
    for (Path group : before) {
      assertFalse(Files.exists(group), group::toString);
    }
  }

  /** The groups that a launcher has made for its children. */
  private static Set<Path> controlGroups(long launcher) throws IOException {
    Set<Path> groups = new HashSet<>();
    try (Stream<Path> all =
        Files.find(Path.of("/sys/fs/cgroup"), 6, (path, _) -> named(path, launcher))) {
      all.forEach(groups::add);
    }
    return groups;
  }

  private static boolean named(Path path, long launcher) {
    return path.getFileName().toString().startsWith("basepoint-" + launcher + "-");
  }
}
