package dev.basepoint.tests.system;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a process holds, as the kernel shows it, in the terms of the policies' {@code fd} and {@code
 * mapping} statements.
 *
 * @param fds how many descriptors of each kind
 * @param sharedObjects how many different objects of each kind are mapped shared
 * @param privateFiles the files of which there are private mappings
 * @param writableFiles the regular files that are open for writing
 */
record Holdings(
    Map<String, Integer> fds,
    Map<String, Integer> sharedObjects,
    Set<String> privateFiles,
    Set<String> writableFiles) {
  private static final int O_ACCMODE = 3;

  static Holdings of(long pid) throws IOException {
    Map<String, Integer> fds = new TreeMap<>();
    Set<String> writableFiles = new HashSet<>();
    for (Path fd : list(Path.of("/proc/" + pid + "/fd"))) {
      String target;
      try {
        target = Files.readSymbolicLink(fd).toString();
      } catch (NoSuchFileException closedMeanwhile) {
        continue;
      }
      String kind = fdKind(target);
      fds.merge(kind, 1, Integer::sum);
      if (kind.equals("file") && openForWriting(pid, fd.getFileName().toString())) {
        writableFiles.add(target);
      }
    }
    Map<String, Set<String>> shared = new TreeMap<>();
    Set<String> privateFiles = new HashSet<>();
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/maps"))) {
      // Address, permissions, offset, device, inode and the object's name, if it has one.
      String[] fields = line.split("\\s+", 6);
      String name = fields.length < 6 ? "" : fields[5];
      if (fields[1].endsWith("s")) {
        shared.computeIfAbsent(mappingKind(name), _ -> new HashSet<>()).add(fields[4] + " " + name);
      } else if (name.startsWith("/")) {
        privateFiles.add(name);
      }
    }
    Map<String, Integer> sharedObjects = new TreeMap<>();
    shared.forEach((kind, objects) -> sharedObjects.put(kind, objects.size()));
    return new Holdings(fds, sharedObjects, privateFiles, writableFiles);
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return new ArrayList<>(entries.toList());
    }
  }

  private static boolean openForWriting(long pid, String fd) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/fdinfo/" + fd))) {
      if (line.startsWith("flags:")) {
        return (Integer.parseInt(line.substring(6).strip(), 8) & O_ACCMODE) != 0;
      }
    }
    throw new IOException("no flags of descriptor " + fd + " of process " + pid);
  }

  private static String fdKind(String target) {
    return switch (target) {
      case "/dev/null" -> "null";
      case "/dev/kvm" -> "kvm";
      case "/dev/net/tun" -> "tap";
      case "anon_inode:[eventfd]" -> "eventfd";
      case "anon_inode:[eventpoll]" -> "epoll";
      case "anon_inode:[timerfd]" -> "timerfd";
      case "anon_inode:kvm-vm" -> "kvm-vm";
      default -> fdKindByStart(target);
    };
  }

  private static String fdKindByStart(String target) {
    if (target.startsWith("pipe:")) {
      return "pipe";
    }
    if (target.startsWith("socket:")) {
      return "socket";
    }
    if (target.startsWith("anon_inode:kvm-vcpu")) {
      return "kvm-vcpu";
    }
    if (target.startsWith("/memfd:")) {
      return "memfd";
    }
    return target.startsWith("/") && !target.startsWith("/dev/") ? "file" : target;
  }

  private static String mappingKind(String name) {
    if (name.startsWith("/memfd:")) {
      return "memfd";
    }
    if (name.startsWith("anon_inode:kvm-vcpu")) {
      return "kvm-vcpu";
    }
    return name.startsWith("/") && !name.startsWith("/dev/") ? "file" : name;
  }
}
