package dev.basepoint.tests.system;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * Copies of the roles' jars that differ in this: at the head of the role's main method stands a
 * call of a test's class, whose classes lie beside the role's. A launcher starts such a copy if its
 * system property {@code vmm.jar.MODULE} names it; every flag of the JVM and of the sandbox stays
 * the product's.
 */
final class RoleJar {
  private RoleJar() {}

  /**
   * Makes a copy.
   *
   * @param module whose jar it is of
   * @param intruder its static method {@code start} is called with {@code arguments}
   * @param beside classes whose jars or folders are packed too, like the intruder's
   */
  static void make(
      String module, Path copy, Class<?> intruder, List<Class<?>> beside, String... arguments)
      throws IOException {
    Path original = Launcher.jar(module);
    if (original == null) {
      throw new IOException("the jar of " + module + " is not built");
    }
    try (JarFile source = new JarFile(original.toFile());
        OutputStream out = Files.newOutputStream(copy);
        JarOutputStream target = new JarOutputStream(out)) {
      String main = source.getManifest().getMainAttributes().getValue(Attributes.Name.MAIN_CLASS);
      String mainEntry = main.replace('.', '/') + ".class";
      Set<String> names = new HashSet<>();
      for (JarEntry entry : source.stream().filter(entry -> !entry.isDirectory()).toList()) {
        try (InputStream in = source.getInputStream(entry)) {
          byte[] bytes = in.readAllBytes();
          boolean isMain = entry.getName().equals(mainEntry);
          put(target, names, entry.getName(), isMain ? invaded(bytes, intruder, arguments) : bytes);
        }
      }
      addAllBeside(intruder, target, names);
      for (Class<?> known : beside) {
        addAllBeside(known, target, names);
      }
    }
    // Whoever's umask it is: the children read it under uids of their own.
    Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rw-r--r--"));
  }

  /** The class with a call of the intruder at the head of its main method. */
  private static byte[] invaded(byte[] mainClass, Class<?> intruder, String... arguments) {
    MethodTypeDesc type =
        MethodTypeDesc.of(
            ConstantDescs.CD_void, Collections.nCopies(arguments.length, ConstantDescs.CD_String));
    CodeTransform callFirst =
        new CodeTransform() {
          @Override
          public void atStart(CodeBuilder code) {
            for (String argument : arguments) {
              code.loadConstant(argument);
            }
            code.invokestatic(ClassDesc.of(intruder.getName()), "start", type);
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
