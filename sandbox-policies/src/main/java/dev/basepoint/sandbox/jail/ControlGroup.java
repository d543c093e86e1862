package dev.basepoint.sandbox.jail;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A control group for one process, below the launcher's own: one directory in the unified
 * hierarchy, or one per controller in version 1.
 */
final class ControlGroup implements AutoCloseable {
  /** Names are this, the launcher's pid, a number and the process's name, joined by '-'. */
  static final String PREFIX = "basepoint-";

  private final List<Path> folders = new ArrayList<>();

  private ControlGroup() {}

  /** Where groups can be made: the launcher's own directory for each controller. */
  record Hierarchy(boolean unified, Map<String, Path> folders) {
    Hierarchy {
      folders = Map.copyOf(folders);
    }

    /** Why memory and processes cannot be limited here; empty if they can. */
    String problem() {
      for (String controller : List.of("memory", "pids")) {
        Path folder = folders.get(controller);
        if (folder == null) {
          return "no " + controller + " controller is delegated to this process";
        }
        if (!Files.isWritable(folder)) {
          return folder + " is not writable";
        }
      }
      return "";
    }
  }

  /** Finds the launcher's own groups by /proc/self/mountinfo and /proc/self/cgroup. */
  static Hierarchy find() throws IOException {
    Map<String, Path> own = new LinkedHashMap<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/cgroup"))) {
      String[] fields = line.split(":", 3);
      for (String controller : fields[1].split(",", -1)) {
        own.put(controller, Path.of(fields[2]));
      }
    }
    Map<String, Path> version1 = new LinkedHashMap<>();
    Path version2 = null;
    for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
      String[] halves = line.split(" - ", 2);
      String[] mount = halves[0].split(" ", -1);
      String[] filesystem = halves[1].split(" ", -1);
      if (filesystem[0].equals("cgroup2")) {
        version2 = inside(mount, own.get(""));
      } else if (filesystem[0].equals("cgroup")) {
        for (String option : filesystem[2].split(",", -1)) {
          if (own.containsKey(option)) {
            version1.put(option, inside(mount, own.get(option)));
          }
        }
      }
    }
    if (version2 != null) {
      Map<String, Path> delegated = new LinkedHashMap<>();
      Path enabled = version2.resolve("cgroup.subtree_control");
      if (Files.isReadable(enabled)) {
        for (String controller : Files.readString(enabled).strip().split("\\s+", -1)) {
          delegated.put(controller, version2);
        }
      }
      if (delegated.containsKey("memory") && delegated.containsKey("pids")) {
        return new Hierarchy(true, delegated);
      }
    }
    return new Hierarchy(false, version1);
  }

  /** The directory of group {@code own} under a mount whose fourth and fifth fields are known. */
  private static Path inside(String[] mount, Path own) {
    Path root = Path.of(mount[3]);
    Path below = own != null && own.startsWith(root) ? root.relativize(own) : Path.of("");
    return Path.of(mount[4]).resolve(below);
  }

  /** Removes what launchers that no longer live have left behind. */
  static void removeAbandoned(Hierarchy hierarchy) throws IOException {
    for (Path parent : Set.copyOf(hierarchy.folders().values())) {
      if (!Files.isWritable(parent)) {
        continue;
      }
      try (DirectoryStream<Path> groups = Files.newDirectoryStream(parent, PREFIX + "*-*")) {
        for (Path group : groups) {
          String pid = group.getFileName().toString().substring(PREFIX.length()).split("-", 2)[0];
          if (pid.matches("[0-9]+") && Files.notExists(Path.of("/proc", pid))) {
            deleteIfUnused(group);
          }
        }
      }
    }
  }

  private static void deleteIfUnused(Path group) {
    try {
      Files.deleteIfExists(group);
    } catch (IOException inUse) {
      // Busy while a process is left in it: a later launcher will find it empty.
    }
  }

  /** Makes the group {@code name} and sets its limits, named as in version 2. */
  static ControlGroup create(Hierarchy hierarchy, String name, Map<String, Long> limits)
      throws IOException {
    ControlGroup group = new ControlGroup();
    try {
      for (Map.Entry<String, Long> limit : limits.entrySet()) {
        String controller = limit.getKey().substring(0, limit.getKey().indexOf('.'));
        Path folder = hierarchy.folders().get(controller).resolve(name);
        if (!group.folders.contains(folder)) {
          Files.createDirectory(folder);
          group.folders.add(folder);
        }
        String file =
            !hierarchy.unified() && limit.getKey().equals("memory.max")
                ? "memory.limit_in_bytes"
                : limit.getKey();
        Files.writeString(folder.resolve(file), Long.toString(limit.getValue()));
      }
      return group;
    } catch (IOException e) {
      group.close();
      throw e;
    }
  }

  /** Makes a group for process {@code pid} and moves it there. */
  static ControlGroup createWith(
      Hierarchy hierarchy, String name, Map<String, Long> limits, int pid) throws IOException {
    ControlGroup group = create(hierarchy, name, limits);
    try {
      group.add(pid);
      return group;
    } catch (IOException e) {
      group.close();
      throw e;
    }
  }

  /**
   * Moves a process into the group. Takes tens of milliseconds, in which the kernel waits until all
   * CPUs have passed through it.
   */
  void add(int pid) throws IOException {
    for (Path folder : folders) {
      Files.writeString(folder.resolve("cgroup.procs"), Integer.toString(pid));
    }
  }

  /** Removes the group, which must have no process any more. */
  @Override
  public void close() throws IOException {
    for (Path folder : folders) {
      Files.deleteIfExists(folder);
    }
    folders.clear();
  }
}
