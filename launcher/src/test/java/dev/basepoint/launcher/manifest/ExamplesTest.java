package dev.basepoint.launcher.manifest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.launcher.output.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The examples that users start from are right. */
final class ExamplesTest {
  private static final Path EXAMPLES = Path.of("..", "examples");
  private static final HostFacts HOST = new HostFacts(2, 8L << 30, 8L << 30);

  static List<Path> examples() throws IOException {
    try (Stream<Path> files = Files.list(EXAMPLES)) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    }
  }

  @Test
  void areThere() throws Exception {
    assertEquals(
        List.of(
            "big.yaml",
            "passt.yaml",
            "probe.yaml",
            "stream-peer.yaml",
            "stream.yaml",
            "tap.yaml",
            "template.yaml"),
        examples().stream().map(file -> file.getFileName().toString()).toList());
  }

  @ParameterizedTest
  @MethodSource("examples")
  void isValid(Path file) throws Exception {
    try {
      LoadedManifest loaded = new ManifestLoader(HOST).load(file);
      assertEquals(List.of(), loaded.warnings());
      assertEquals(file.getFileName().toString(), loaded.vm().name() + ".yaml");
    } catch (ManifestException e) {
      // tap.yaml says in its head how to make the namespace, which is not there now.
      for (Problem problem : e.problems()) {
        assertTrue(problem.key().endsWith("backend.netns"), problem.toString());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("examples")
  void survivesBeingWrittenOut(Path file) throws Exception {
    String text = Files.readString(file).replace("netns: basepoint", "netns: /proc/self/ns/net");
    ManifestLoader loader = new ManifestLoader(HOST);
    VmManifest vm = loader.load(text, file.toString(), EXAMPLES.toAbsolutePath()).vm();
    String written = Json.write(ManifestWriter.write(vm));
    assertEquals(vm, loader.load(written, "written", Path.of("/")).vm());
  }
}
