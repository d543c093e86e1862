package dev.basepoint.sandbox.jail;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
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
        if (element.contains("/sandbox-policies/target") || element.contains("/ipc/target")) {
          Path path = Path.of(element);
          // Reactor modules are directories before the package phase and jars after it.
          if (Files.isDirectory(path)) {
            addAll(entries, names, path);
          } else {
            try (FileSystem other = FileSystems.newFileSystem(path)) {
              addAll(entries, names, other.getPath("/"));
            }
          }
        }
      }
    }
    return jar;
  }

  private static void addAll(JarOutputStream entries, Set<String> names, Path root)
      throws IOException {
    for (Path file : files(root)) {
      String name = root.relativize(file).toString();
      if (names.add(name)) {
        entries.putNextEntry(new JarEntry(name));
        Files.copy(file, entries);
        entries.closeEntry();
      }
    }
  }

  private static List<Path> files(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }
}
