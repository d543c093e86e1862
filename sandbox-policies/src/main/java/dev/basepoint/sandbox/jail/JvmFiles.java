package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.EmptyRoot.Visible;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What of the file system a JVM must see to start: its own {@code bin/java}, {@code lib} and {@code
 * conf}, the C library's shared objects and the loader, and the application's files.
 *
 * @param visible the files, no one below another
 * @param libraryPath for LD_LIBRARY_PATH: without /proc the loader cannot find what lies beside
 *     {@code bin/java}
 */
public record JvmFiles(List<Visible> visible, String libraryPath) {
  /** Parts of the C library; a JVM for one of them may not be linked against the others. */
  private static final List<String> SONAMES =
      List.of("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1");

  private static final int PT_INTERP = 3;

  public JvmFiles {
    visible = List.copyOf(visible);
  }

  /**
   * Finds the files of the JVM at {@code javaHome}, which must be the one that runs this code,
   * since its mappings tell which libraries it uses.
   *
   * @param application jars and caches, absolute paths
   */
  public static JvmFiles of(Path javaHome, List<Path> application) throws IOException {
    List<Visible> visible = new ArrayList<>();
    visible.add(Visible.of(javaHome.resolve("bin/java"), true));
    visible.add(Visible.of(javaHome.resolve("lib"), true));
    visible.add(Visible.of(javaHome.resolve("conf"), false));
    visible.add(Visible.of(interpreter(javaHome.resolve("bin/java")), true));
    Set<String> libraryPath = new LinkedHashSet<>();
    libraryPath.add(javaHome.resolve("lib").toString());
    for (Path library : libraries(javaHome)) {
      visible.add(Visible.of(library, true));
      libraryPath.add(library.getParent().toString());
    }
    for (Path file : application) {
      visible.add(Visible.of(file, false));
    }
    return new JvmFiles(visible.stream().distinct().toList(), String.join(":", libraryPath));
  }

  /**
   * Demands that any user may read every file, whatever the directories above it permit: those are
   * not seen inside.
   *
   * @throws ErrnoException EACCES with the file and what to do
   */
  void requireReadableByOthers() throws IOException {
    for (Visible file : visible) {
      Path source = Path.of(file.source());
      if (!Files.getPosixFilePermissions(source).contains(PosixFilePermission.OTHERS_READ)) {
        throw new ErrnoException(
            "the sandboxed processes have users of their own, and only some users may read "
                + source
                + "; permit it: chmod -R o+rX "
                + source,
            Errno.EACCES);
      }
    }
  }

  /** The loader that {@code program}, a 64-bit ELF file, asks for. */
  private static Path interpreter(Path program) throws IOException {
    ByteBuffer elf = ByteBuffer.wrap(Files.readAllBytes(program)).order(ByteOrder.LITTLE_ENDIAN);
    try {
      int header = Math.toIntExact(elf.getLong(32));
      int count = elf.getShort(56);
      for (int i = 0; i < count; i++, header += elf.getShort(54)) {
        if (elf.getInt(header) == PT_INTERP) {
          byte[] path = new byte[Math.toIntExact(elf.getLong(header + 32)) - 1];
          elf.get(Math.toIntExact(elf.getLong(header + 8)), path);
          return Path.of(new String(path, StandardCharsets.UTF_8));
        }
      }
    } catch (IndexOutOfBoundsException | ArithmeticException | NegativeArraySizeException e) {
      throw new IOException(program + " is no ELF program", e);
    }
    throw new IOException(program + " names no loader");
  }

  private static Set<Path> libraries(Path javaHome) throws IOException {
    Set<Path> libraries = new LinkedHashSet<>();
    Set<Path> folders = new LinkedHashSet<>();
    Path realHome = javaHome.toRealPath();
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      int slash = line.indexOf('/');
      if (slash < 0) {
        continue;
      }
      Path file = Path.of(line.substring(slash));
      boolean system =
          file.startsWith("/lib") || file.startsWith("/lib64") || file.startsWith("/usr");
      String name = file.getFileName().toString();
      if (system && !file.startsWith(realHome) && name.contains(".so") && Files.exists(file)) {
        if (!name.startsWith("ld-linux")) {
          libraries.add(file);
        }
        if (name.startsWith("libc.") || name.startsWith("libc-")) {
          folders.add(file.getParent());
        }
      }
    }
    for (Path folder : folders) {
      for (String soname : SONAMES) {
        if (Files.exists(folder.resolve(soname))) {
          libraries.add(folder.resolve(soname));
        }
      }
    }
    return libraries;
  }
}
