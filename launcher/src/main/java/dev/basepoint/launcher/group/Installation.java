package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.ProcessExit;
import dev.basepoint.sandbox.jail.JvmFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where the parts of the product lie, and how each role's JVM is started.
 *
 * @param root the project's directory
 * @param javaHome the JDK that runs the children
 */
public record Installation(Path root, Path javaHome) {
  /** Set by the vmm-launch script. */
  public static final String ROOT_PROPERTY = "vmm.root";

  private static final long CODE_CACHE_BYTES = 16L << 20;

  /** Set by the vmm-launch script for a training run: where the children's caches go. */
  private static final String TRAINING_PROPERTY = "vmm.trainRoles";

  /** The installation that this launcher was started from. */
  public static Installation current() {
    String root = System.getProperty(ROOT_PROPERTY);
    Path rootPath = root == null ? Path.of("").toAbsolutePath() : Path.of(root);
    return new Installation(rootPath, Path.of(System.getProperty("java.home")));
  }

  /** The role's self-contained jar. */
  public Path jar(Role role) throws IOException {
    String named = System.getProperty("vmm.jar." + role.module());
    if (named != null) {
      return Path.of(named);
    }
    Path target = root.resolve(role.module()).resolve("target");
    try (var files = Files.newDirectoryStream(target, role.module() + "-*-all.jar")) {
      for (Path file : files) {
        return file;
      }
    } catch (NoSuchFileException e) {
      throw new IOException(missing(role, target), e);
    }
    throw new IOException(missing(role, target));
  }

  private static String missing(Role role, Path target) {
    return "the jar of "
        + role.module()
        + " is missing in "
        + target
        + "; run ./vmm-launch version";
  }

  /**
   * The start-up cache of a role's jar. The JVM does not notice that a cache is of another jar, so
   * the vmm-launch script names only one that is.
   */
  private static List<String> startupCache(Role role) {
    String training = System.getProperty(TRAINING_PROPERTY);
    if (training != null) {
      return List.of(
          "-XX:AOTCacheOutput=" + training + "/" + role.module() + ".new.aot",
          "-D" + ProcessExit.TRAINING_PROPERTY + "=true");
    }
    return cache(role).map(cache -> List.of("-XX:AOTCache=" + cache)).orElse(List.of());
  }

  private static Optional<Path> cache(Role role) {
    return Optional.ofNullable(System.getProperty("vmm.aot." + role.module())).map(Path::of);
  }

  /** The files of its own that a process of {@code role} reads, absolute. */
  List<Path> files(Role role) throws IOException {
    List<Path> files = new ArrayList<>();
    files.add(jar(role).toAbsolutePath());
    cache(role).map(Path::toAbsolutePath).ifPresent(files::add);
    return files;
  }

  /** Whether this run only trains the start-up caches; its children then end slowly. */
  static boolean isTraining() {
    return System.getProperty(TRAINING_PROPERTY) != null;
  }

  /** The command line of {@code member}. */
  List<String> command(GroupMember member) throws IOException {
    List<String> command = command(member.role(), member.warmUpRounds());
    if (member.spinMicros() > 0) {
      command.add("--spin-micros=" + member.spinMicros());
    }
    return command;
  }

  /**
   * The command line of a child JVM.
   *
   * @param warmUpRounds see {@link GroupMember}
   */
  public List<String> command(Role role, int warmUpRounds) throws IOException {
    Path jar = jar(role);
    List<String> command = new ArrayList<>();
    command.add(javaHome.resolve("bin/java").toString());
    // A device server's live data is a few hundred KiB; the limit makes a leak an early, clear end.
    command.add(role == Role.VMM_MAIN ? "-Xmx32m" : "-Xmx16m");
    command.add("-Xmn2m");
    command.add("-XX:+UseSerialGC");
    command.addAll(JvmFlags.forFilter(CODE_CACHE_BYTES));
    command.add("-XX:+ExitOnOutOfMemoryError");
    // From an event loop down to a system call is deeper than the default of 15, and where inlining
    // ends, each call allocates 40 bytes for errno.
    command.add("-XX:MaxInlineLevel=30");
    command.add("-XX:TrimNativeHeapInterval=3000");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.addAll(startupCache(role));
    command.add("-cp");
    command.add(jar.toString());
    command.add(mainClass(role));
    if (warmUpRounds > 0) {
      command.add("--warm-up-rounds=" + warmUpRounds);
    }
    return command;
  }

  private static String mainClass(Role role) {
    return switch (role) {
      case VMM_MAIN -> "dev.basepoint.vmm.Main";
      case BLK -> "dev.basepoint.device.blk.Main";
      case NET -> "dev.basepoint.device.net.Main";
      case RNG -> "dev.basepoint.device.rng.Main";
    };
  }
}
