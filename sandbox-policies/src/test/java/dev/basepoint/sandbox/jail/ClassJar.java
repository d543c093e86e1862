package dev.basepoint.sandbox.jail;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/** Packs the classes under test into one jar, as a role's is: a jailed JVM holds it open. */
final class ClassJar {
  private ClassJar() {}

  static Path pack(Path folder) throws IOException {
    Path jar = folder.resolve("child.jar");
    Set<String> names = new HashSet<>();
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream entries = new JarOutputStream(out)) {
      for (String element : System.getProperty("java.class.path").split(":", -1)) {
        Path root = Path.of(element);
        if (element.contains("/sandbox-policies/target") || element.contains("/ipc/target")) {
          for (Path file : files(root)) {
            String name = root.relativize(file).toString();
            if (names.add(name)) {
              entries.putNextEntry(new JarEntry(name));
              Files.copy(file, entries);
              entries.closeEntry();
            }
          }
        }
      }
    }
    return jar;
  }

  private static List<Path> files(Path root) throws IOException {
    if (!Files.isDirectory(root)) {
      throw new IOException(root + " is no class directory; run the build up to 'test', not later");
    }
    try (Stream<Path> files = Files.walk(root)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }
}
