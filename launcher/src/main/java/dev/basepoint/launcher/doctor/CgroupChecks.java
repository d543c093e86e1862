package dev.basepoint.launcher.doctor;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Which cgroup controllers can limit a VM's processes, version 1 or 2. */
final class CgroupChecks {
  private static final String AREA = "limits";
  private static final List<String> WANTED = List.of("cpu", "memory", "pids");

  private final HostFiles files;

  CgroupChecks(HostFiles files) {
    this.files = files;
  }

  List<Finding> inspect() {
    Set<String> version2 = new TreeSet<>();
    Set<String> version1 = new TreeSet<>();
    List<String> mounts = new ArrayList<>();
    for (String line : files.lines("/proc/self/mounts")) {
      String[] fields = line.split(" ", -1);
      if (fields.length < 4 || !fields[2].startsWith("cgroup")) {
        continue;
      }
      Path directory = files.path(fields[1]);
      if (fields[2].equals("cgroup2")) {
        mounts.add("v2 at " + fields[1]);
        files
            .text(fields[1] + "/cgroup.controllers")
            .filter(text -> !text.isEmpty() && Files.isWritable(directory))
            .ifPresent(text -> version2.addAll(List.of(text.split(" +", -1))));
      } else if (Files.isWritable(directory)) {
        for (String option : fields[3].split(",", -1)) {
          if (files.lines("/proc/cgroups").stream().anyMatch(l -> l.startsWith(option + "\t"))) {
            version1.add(option);
          }
        }
      }
    }
    return List.of(verdict(version2, version1, mounts));
  }

  private static Finding verdict(Set<String> version2, Set<String> version1, List<String> mounts) {
    if (version2.containsAll(WANTED)) {
      return Finding.ok(AREA, "cgroups", "v2, writable: " + String.join(" ", version2));
    }
    if (version1.containsAll(WANTED)) {
      return Finding.ok(AREA, "cgroups", "v1, writable: " + String.join(" ", version1));
    }
    Set<String> some = version2.isEmpty() ? version1 : version2;
    if (some.isEmpty()) {
      return Finding.missing(
          AREA,
          "cgroups",
          mounts.isEmpty() ? "none mounted" : String.join(", ", mounts) + ", not writable",
          "processes run without limits of their own; run as root, or have a cgroup delegated (for"
              + " example: systemd-run --user --scope -p Delegate=yes)");
    }
    return Finding.degraded(
        AREA,
        "cgroups",
        "writable: " + String.join(" ", some),
        "limits need the controllers " + String.join(", ", WANTED));
  }
}
