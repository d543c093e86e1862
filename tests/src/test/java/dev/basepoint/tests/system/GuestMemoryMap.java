package dev.basepoint.tests.system;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The guest's RAM in the address space of a clone's vmm-main, by /proc/PID/smaps. What is zero in
 * the template is anonymous memory from the start, without a page of it being there.
 *
 * @param bytes all of it
 * @param anonymousKib what the process holds for itself: no longer the template's, and not
 *     untouched
 */
record GuestMemoryMap(long bytes, long anonymousKib) {
  private record Area(long start, long end, long fileOffset, String file, long anonymousKib) {}

  /**
   * Reads it.
   *
   * @param memoryBytes the guest's RAM
   */
  static GuestMemoryMap read(long pid, long memoryBytes) throws IOException {
    List<Area> areas = areas(Files.readAllLines(Path.of("/proc/" + pid + "/smaps")));
    Area first =
        areas.stream()
            .filter(area -> area.file.matches("/memfd:.*-ram \\(deleted\\)"))
            .findFirst()
            .orElseThrow();
    long base = first.start - first.fileOffset;
    long bytes = 0;
    long anonymousKib = 0;
    for (Area area : areas) {
      if (area.start >= base && area.end <= base + memoryBytes) {
        bytes += area.end - area.start;
        anonymousKib += area.anonymousKib;
      }
    }
    return new GuestMemoryMap(bytes, anonymousKib);
  }

  private static List<Area> areas(List<String> smaps) {
    List<Area> areas = new ArrayList<>();
    String head = null;
    for (String line : smaps) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        head = line;
      } else if (line.startsWith("Anonymous:")) {
        String[] words = head.split(" +", 6);
        String[] range = words[0].split("-", 2);
        areas.add(
            new Area(
                Long.parseUnsignedLong(range[0], 16),
                Long.parseUnsignedLong(range[1], 16),
                Long.parseLong(words[2], 16),
                words.length > 5 ? words[5] : "",
                Long.parseLong(line.split(" +", -1)[1])));
      }
    }
    return areas;
  }
}
