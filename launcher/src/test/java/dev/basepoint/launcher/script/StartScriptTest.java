package dev.basepoint.launcher.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The start script, with a small project, a JDK and a Maven that only say what they were asked. */
final class StartScriptTest {
  private static final List<String> ROLES =
      List.of(
          "launcher", "vmm-main", "device-server-blk", "device-server-net", "device-server-rng");

  /** CAP_NET_RAW, SYS_MODULE, SYS_RAWIO, SYS_BOOT, SYS_TIME, MKNOD and SYSLOG. */
  private static final int[] NEVER_NEEDED = {13, 16, 17, 22, 25, 27, 34};

  @TempDir private Path directory;

  private Path root;
  private Path tools;
  private Path jdk;
  private final Map<String, String> environment = new TreeMap<>();

  private record Ended(int exitCode, String out, String err) {}

  @BeforeEach
  void makeProject() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "there is no /bin/bash");
    root = Files.createDirectories(directory.resolve("project"));
    tools = Files.createDirectories(directory.resolve("tools"));
    executable(root.resolve("vmm-launch"), Files.readString(Path.of("..", "vmm-launch")));
    Files.writeString(root.resolve("pom.xml"), "<project>\n  <version>1.0</version>\n");
    Files.createDirectories(root.resolve("examples"));
    Files.writeString(root.resolve("examples/probe.yaml"), "version: 1\n");
    for (String module : List.of("ipc", "sandbox-policies")) {
      source(module, "A.java", "first");
    }
    for (String role : ROLES) {
      source(role, "Main.java", "first");
    }
    jdk = jdk("jdk-25", "25.0.1");
    executable(
        tools.resolve("mvn"),
        """
        #!/bin/bash
        echo "[INFO] Building Basepoint VMM: launcher 1.0  [1/1]"
        echo built >> "$PWD/builds"
        if [[ -f $PWD/broken ]]; then echo "[ERROR] Main.java:[1,1] it is broken"; exit 1; fi
        for role in launcher vmm-main device-server-{blk,net,rng}; do
          mkdir -p "$role/target"
          echo jar > "$role/target/$role-1.0-all.jar"
        done
        """);
    environment.put("PATH", tools + ":/usr/bin:/bin");
    environment.put("JAVA_HOME", jdk.toString());
    environment.put("HOME", directory.toString());
  }

  private void source(String module, String name, String text) throws IOException {
    Path sources = Files.createDirectories(root.resolve(module).resolve("src/main/java"));
    Files.writeString(sources.resolve(name), text);
    Files.writeString(root.resolve(module).resolve("pom.xml"), "<project/>\n");
  }

  /** A directory that looks like a JDK; its java prints its arguments or plays the training. */
  private Path jdk(String name, String version) throws IOException {
    Path home = Files.createDirectories(directory.resolve(name));
    Files.createDirectories(home.resolve("bin"));
    Files.writeString(
        home.resolve("release"), "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"" + version + "\"\n");
    executable(home.resolve("bin/javac"), "#!/bin/sh\n");
    executable(
        home.resolve("bin/java"),
        """
        #!/bin/bash
        for word in "$@"; do
          if [[ $word == -XX:AOTCacheOutput=* ]]; then
            echo cache > "${word#*=}"
            exit 0
          fi
        done
        echo "java of %s"
        printf '<%%s>\\n' "$@"
        exit "${EXIT_CODE:-0}"
        """
            .formatted(name));
    return home;
  }

  private static void executable(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Process start(Path script, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("/bin/bash", script.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    return process;
  }

  private static Ended end(Process process) throws Exception {
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), out, err);
  }

  private Ended run(String... arguments) throws Exception {
    return end(start(root.resolve("vmm-launch"), arguments));
  }

  private long builds() throws IOException {
    Path file = root.resolve("builds");
    return Files.exists(file) ? Files.readAllLines(file).size() : 0;
  }

  @Test
  void buildsOnceAndSaysSo() throws Exception {
    Ended first = run("version");
    assertEquals(0, first.exitCode, first.err);
    assertTrue(first.err.contains("building, since it was never built"), first.err);
    assertTrue(first.err.contains("vmm-launch: building launcher (1/1)"), first.err);
    Ended second = run("version");
    assertEquals("", second.err);
    assertEquals(1, builds());
  }

  @Test
  void changeAdditionRemovalAndLostJarAreNoticed() throws Exception {
    run();
    Files.writeString(root.resolve("ipc/src/main/java/A.java"), "second");
    assertTrue(run().err.contains("sources changed"));
    assertEquals(2, builds());
    source("launcher", "New.java", "new");
    run();
    assertEquals(3, builds());
    Files.delete(root.resolve("launcher/src/main/java/New.java"));
    run();
    assertEquals(4, builds());
    Files.delete(root.resolve("vmm-main/target/vmm-main-1.0-all.jar"));
    run();
    assertEquals(5, builds());
    run();
    assertEquals(5, builds());
  }

  @Test
  void testsAndOtherFilesDoNotMatter() throws Exception {
    run();
    Files.createDirectories(root.resolve("launcher/src/test/java"));
    Files.writeString(root.resolve("launcher/src/test/java/ATest.java"), "test");
    Files.writeString(root.resolve("README.md"), "text");
    run();
    assertEquals(1, builds());
  }

  @Test
  void argumentsAndExitCodePass() throws Exception {
    environment.put("EXIT_CODE", "65");
    Ended ended = run("run", "a file.yaml", "--json", "", "*");
    assertEquals(65, ended.exitCode);
    assertTrue(ended.out.endsWith("<run>\n<a file.yaml>\n<--json>\n<>\n<*>\n"), ended.out);
    assertTrue(ended.out.contains("<-Dvmm.root=" + root.toRealPath() + ">"), ended.out);
    assertTrue(ended.out.matches("(?s).*<-Dvmm.start.epochMicros=[0-9]{16}>.*"), ended.out);
    for (String role : ROLES) {
      Path jar = root.toRealPath().resolve(role + "/target/" + role + "-1.0-all.jar");
      assertTrue(ended.out.contains("<-Dvmm.jar." + role + "=" + jar + ">"), ended.out);
    }
  }

  @Test
  void linkToTheScriptWorks() throws Exception {
    Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("project/vmm-launch"));
    Ended ended = end(start(link, "version"));
    assertEquals(0, ended.exitCode, ended.err);
    assertTrue(ended.out.contains("<-Dvmm.root=" + root.toRealPath() + ">"), ended.out);
  }

  @Test
  void startUpCacheBelongsToItsJar() throws Exception {
    Ended first = run();
    String cache = cacheIn(first.out);
    assertTrue(Files.exists(Path.of(cache)), cache);
    assertEquals(cache, cacheIn(run().out));
    Files.writeString(root.resolve("launcher/target/launcher-1.0-all.jar"), "another jar");
    String other = cacheIn(run().out);
    assertFalse(cache.equals(other), cache);
    assertFalse(Files.exists(Path.of(cache)), "an old cache is removed");
  }

  private static String cacheIn(String out) {
    String flag = "<-XX:AOTCache=";
    return out.lines()
        .filter(line -> line.startsWith(flag))
        .map(line -> line.substring(flag.length(), line.length() - 1))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no cache in " + out));
  }

  @Test
  void oldJavaIsPassedOver() throws Exception {
    environment.put("JAVA_HOME", jdk("jdk-17", "17.0.9").toString());
    Path newer = jdk("jdk-26", "26");
    Files.createSymbolicLink(tools.resolve("java"), newer.resolve("bin/java"));
    assertTrue(run().out.startsWith("java of jdk-26\n"));
  }

  @Test
  void versionManagerIsSearched() throws Exception {
    environment.remove("JAVA_HOME");
    Files.createSymbolicLink(tools.resolve("java"), jdk("jdk-17", "17.0.9").resolve("bin/java"));
    Path candidates = Files.createDirectories(directory.resolve("sdk/candidates/java"));
    Files.createSymbolicLink(candidates.resolve("25-x"), jdk);
    environment.put("SDKMAN_DIR", directory.resolve("sdk").toString());
    assertTrue(run().out.startsWith("java of jdk-25\n"));
  }

  @Test
  void missingMavenIsExplained() throws Exception {
    Files.delete(tools.resolve("mvn"));
    environment.put("PATH", onlyCommonTools());
    Ended ended = run();
    assertEquals(72, ended.exitCode);
    assertTrue(ended.err.contains("apt-get install maven"), ended.err);
  }

  /** Some hosts have a real Maven in /usr/bin. */
  private String onlyCommonTools() throws IOException {
    Path few = Files.createDirectories(directory.resolve("few"));
    for (String tool :
        List.of("find", "mkdir", "readlink", "cat", "rm", "mv", "sha256sum", "flock", "tail")) {
      Path real = Path.of("/usr/bin", tool);
      if (Files.exists(real)) {
        executable(few.resolve(tool), "#!/bin/sh\nexec " + real + " \"$@\"\n");
      }
    }
    return few.toString();
  }

  @Test
  void jreIsNoUseForBuilding() throws Exception {
    Files.delete(jdk.resolve("bin/javac"));
    Ended ended = run();
    assertEquals(72, ended.exitCode);
    assertTrue(ended.err.contains("has no javac"), ended.err);
  }

  @Test
  void failedBuildShowsItsErrors() throws Exception {
    Files.writeString(root.resolve("broken"), "");
    Ended ended = run();
    assertEquals(73, ended.exitCode);
    assertTrue(ended.err.contains("[ERROR] Main.java:[1,1] it is broken"), ended.err);
    assertTrue(ended.err.contains(".build/build.log"), ended.err);
    assertEquals("", ended.out);
    Files.delete(root.resolve("broken"));
    assertEquals(0, run().exitCode);
  }

  @Test
  void twoAtOnceBuildOnce() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/flock")), "there is no flock");
    Process first = start(root.resolve("vmm-launch"), "one");
    Process second = start(root.resolve("vmm-launch"), "two");
    Ended ended = end(first);
    assertEquals(0, ended.exitCode, ended.err);
    ended = end(second);
    assertEquals(0, ended.exitCode, ended.err);
    assertEquals(1, builds());
  }

  @Test
  void launcherCanGainNothingAndKeepsLittle() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/setpriv")), "there is no setpriv");
    executable(
        jdk.resolve("bin/java"),
        "#!/bin/bash\nexec grep -E '^(NoNewPrivs|CapPrm|CapBnd):' /proc/self/status\n");
    Ended ended = run("version");
    assertEquals(0, ended.exitCode(), ended.err());
    assertTrue(ended.out().contains("NoNewPrivs:\t1"), ended.out());
    if (System.getProperty("user.name").equals("root")) {
      for (String line : ended.out().lines().filter(text -> text.startsWith("Cap")).toList()) {
        long set = Long.parseUnsignedLong(line.substring(line.indexOf('\t') + 1), 16);
        for (int capability : NEVER_NEEDED) {
          assertEquals(0, set >> capability & 1, line);
        }
      }
    }
  }

  @Test
  void jarsAreForAllUsersWhateverTheUmask() throws Exception {
    Path careful = directory.resolve("careful");
    executable(careful, "#!/bin/bash\numask 077\nexec \"" + root + "/vmm-launch\" \"$@\"\n");
    assertEquals(0, end(start(careful, "version")).exitCode());
    Path jar = root.resolve("vmm-main/target/vmm-main-1.0-all.jar");
    assertEquals("rw-r--r--", PosixFilePermissions.toString(Files.getPosixFilePermissions(jar)));
  }
}
