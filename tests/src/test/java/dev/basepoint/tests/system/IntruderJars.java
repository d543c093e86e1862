package dev.basepoint.tests.system;

import dev.basepoint.ipc.linux.RawSyscall;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.tests.escape.Intruder;
import dev.basepoint.tests.escape.Victim;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * Copies of the roles' jars that differ in this: at the head of the role's main method stands a
 * call of {@link Intruder#start}, and the intruder's classes lie beside the role's. Everything
 * else, and every flag of the JVM and of the sandbox, is the product's.
 */
final class IntruderJars {
  private final Map<Victim, Path> jars = new EnumMap<>(Victim.class);
  private final Map<Victim, Long> sizes = new EnumMap<>(Victim.class);

  /** Makes the jars in {@code folder}. */
  static IntruderJars make(Path folder) throws IOException {
    IntruderJars made = new IntruderJars();
    for (Victim victim : Victim.values()) {
      Path jar = folder.resolve(victim.key() + ".jar");
      alter(original(victim), jar);
      made.add(victim, jar);
    }
    return made;
  }

  /** The same jars once more, for orders of their own. */
  IntruderJars copy(Path folder) throws IOException {
    IntruderJars copies = new IntruderJars();
    Files.createDirectories(folder);
    for (Map.Entry<Victim, Path> jar : jars.entrySet()) {
      copies.add(
          jar.getKey(), Files.copy(jar.getValue(), folder.resolve(jar.getValue().getFileName())));
    }
    return copies;
  }

  private void add(Victim victim, Path jar) throws IOException {
    Files.setPosixFilePermissions(jar, PosixFilePermissions.fromString("rw-r--r--"));
    jars.put(victim, jar);
    sizes.put(victim, Files.size(jar));
  }

  /** What makes a launcher start these jars. */
  List<String> properties() {
    List<String> properties = new ArrayList<>();
    jars.forEach((victim, jar) -> properties.add("-Dvmm.jar." + victim.module() + "=" + jar));
    return properties;
  }

  /** Tells the intruder in {@code victim} to make these attempts, one after the other. */
  void order(Victim victim, long launcherPid, List<String> attempts) throws IOException {
    try (RandomAccessFile jar = new RandomAccessFile(jars.get(victim).toFile(), "rw")) {
      jar.seek(sizes.get(victim));
      String line = launcherPid + " " + String.join(" ", attempts) + "\n";
      jar.write(line.getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Takes all orders back, before the next processes start from these jars. */
  void clear() throws IOException {
    for (Map.Entry<Victim, Path> jar : jars.entrySet()) {
      try (RandomAccessFile file = new RandomAccessFile(jar.getValue().toFile(), "rw")) {
        file.setLength(sizes.get(jar.getKey()));
      }
    }
  }

  private static Path original(Victim victim) throws IOException {
    Path target = Launcher.root().resolve(victim.module()).resolve("target");
    try (Stream<Path> files = Files.list(target)) {
      return files
          .filter(file -> file.getFileName().toString().matches(victim.module() + "-.*-all\\.jar"))
          .findFirst()
          .orElseThrow(() -> new IOException("no jar of " + victim.module() + " in " + target));
    }
  }

  private static void alter(Path original, Path altered) throws IOException {
    try (JarFile source = new JarFile(original.toFile());
        OutputStream out = Files.newOutputStream(altered);
        JarOutputStream target = new JarOutputStream(out)) {
      String main = source.getManifest().getMainAttributes().getValue(Attributes.Name.MAIN_CLASS);
      String mainEntry = main.replace('.', '/') + ".class";
      Set<String> names = new HashSet<>();
      for (JarEntry entry : source.stream().toList()) {
        if (entry.isDirectory()) {
          continue;
        }
        try (InputStream in = source.getInputStream(entry)) {
          byte[] bytes = in.readAllBytes();
          put(
              target,
              names,
              entry.getName(),
              entry.getName().equals(mainEntry) ? invaded(bytes) : bytes);
        }
      }
      for (Class<?> beside : List.of(Intruder.class, RawSyscall.class, SyscallTable.class)) {
        addAllBeside(beside, target, names);
      }
    }
  }

  /** The class with a call of the intruder at the head of its main method. */
  private static byte[] invaded(byte[] mainClass) {
    CodeTransform callFirst =
        new CodeTransform() {
          @Override
          public void atStart(CodeBuilder code) {
            code.invokestatic(
                ClassDesc.of(Intruder.class.getName()),
                "start",
                MethodTypeDesc.ofDescriptor("()V"));
          }

          @Override
          public void accept(CodeBuilder code, CodeElement element) {
            code.with(element);
          }
        };
    ClassFile classes = ClassFile.of();
    return classes.transformClass(
        classes.parse(mainClass),
        ClassTransform.transformingMethodBodies(
            method -> method.methodName().equalsString("main"), callFirst));
  }

  /** Adds what lies in the jar or folder of a class, as far as it is not there already. */
  private static void addAllBeside(Class<?> known, JarOutputStream target, Set<String> names)
      throws IOException {
    Path place = Path.of(known.getProtectionDomain().getCodeSource().getLocation().getPath());
    if (Files.isDirectory(place)) {
      addAll(place, target, names);
    } else {
      try (FileSystem jar = FileSystems.newFileSystem(place)) {
        addAll(jar.getPath("/"), target, names);
      }
    }
  }

  private static void addAll(Path root, JarOutputStream target, Set<String> names)
      throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        String name = root.relativize(file).toString();
        if (name.startsWith("dev/basepoint/")) {
          put(target, names, name, Files.readAllBytes(file));
        }
      }
    }
  }

  private static void put(JarOutputStream target, Set<String> names, String name, byte[] bytes)
      throws IOException {
    if (names.add(name)) {
      target.putNextEntry(new JarEntry(name));
      target.write(bytes);
      target.closeEntry();
    }
  }
}
