package dev.basepoint.tests.system;

import dev.basepoint.ipc.linux.RawSyscall;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.tests.escape.Intruder;
import dev.basepoint.tests.escape.Victim;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

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
      RoleJar.make(
          victim.module(), jar, Intruder.class, List.of(RawSyscall.class, SyscallTable.class));
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
}
