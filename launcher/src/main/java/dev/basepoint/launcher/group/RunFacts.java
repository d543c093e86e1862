package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionReply.Group;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.VmManifest;
import dev.basepoint.sandbox.jail.Privilege;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/** Puts the facts of a run together from what its parts say. */
final class RunFacts {
  private static final List<String> COMMON_COUNTERS =
      List.of("requests", "bytesToGuest", "bytesFromGuest", "errors");

  private RunFacts() {}

  /** The group's processes and their memory, while they run. */
  static List<RunResult.ProcessFacts> processes(
      VmManifest manifest, ProcessGroup group, RunRecorder recorder) throws IOException {
    List<RunResult.ProcessFacts> facts = new ArrayList<>();
    int ownUid = Privilege.own().uid();
    int ownPid = (int) ProcessHandle.current().pid();
    ProcessMemory own = ProcessMemory.of(ownPid);
    facts.add(
        new RunResult.ProcessFacts(
            "launcher",
            manifest.name(),
            ownPid,
            ownUid,
            SandboxLevel.OFF.key(),
            0,
            own.privateKib(),
            own.sharedKib()));
    for (Child child : group.children()) {
      ProcessMemory memory = ProcessMemory.of(child.pid());
      facts.add(
          new RunResult.ProcessFacts(
              child.role().key(),
              child.name(),
              child.pid(),
              child.uid().orElse(ownUid),
              group.level().key(),
              recorder.violations().getOrDefault(child, 0),
              memory.privateKib(),
              memory.sharedKib()));
    }
    return facts;
  }

  /**
   * What each device did, by its server's counters, and for disks whether the host sees what the
   * guest read back.
   *
   * @param images a disk's files by its device's name
   */
  static List<RunResult.DeviceFacts> devices(
      VmManifest manifest,
      SequencedMap<Child, List<SupervisionReply.Group>> counters,
      GuestReport report,
      Map<String, DiskFiles> images)
      throws IOException {
    List<RunResult.DeviceFacts> facts = new ArrayList<>();
    for (int index = 0; index < manifest.devices().size(); index++) {
      DeviceSpec device = manifest.devices().get(index);
      Map<String, Long> server = counters(counters, device.name(), false);
      SequencedMap<String, Object> more = new LinkedHashMap<>();
      if (images.containsKey(device.name())) {
        compareHashes(images.get(device.name()), index, report, more);
      }
      addCounters(more, "", server);
      addCounters(more, "shadow.", counters(counters, device.name(), true));
      facts.add(
          new RunResult.DeviceFacts(
              device.name(),
              device.type(),
              server.getOrDefault("requests", 0L),
              server.getOrDefault("bytesToGuest", 0L) + server.getOrDefault("bytesFromGuest", 0L),
              server.getOrDefault("errors", 0L),
              more));
    }
    return facts;
  }

  /** What a device's own server counts, or what vmm-main counts on its side of the device. */
  private static Map<String, Long> counters(
      SequencedMap<Child, List<SupervisionReply.Group>> counters, String device, boolean shadow) {
    for (Map.Entry<Child, List<SupervisionReply.Group>> entry : counters.entrySet()) {
      boolean ofVmm = entry.getKey().role() == Role.VMM_MAIN;
      boolean wanted = shadow ? ofVmm : !ofVmm && entry.getKey().name().equals(device);
      for (SupervisionReply.Group group : wanted ? entry.getValue() : List.<Group>of()) {
        if (group.name().equals(device)) {
          return new TreeMap<>(group.values());
        }
      }
    }
    return Map.of();
  }

  private static void addCounters(
      SequencedMap<String, Object> facts, String prefix, Map<String, Long> counters) {
    counters.forEach(
        (key, value) -> {
          if (value != 0 && (!prefix.isEmpty() || !COMMON_COUNTERS.contains(key))) {
            facts.put(prefix + key, value);
          }
        });
  }

  /** Compares the disk with what the guest read back last, unless it has written since. */
  private static void compareHashes(
      DiskFiles disk, int index, GuestReport report, SequencedMap<String, Object> more)
      throws IOException {
    SequencedMap<String, Object> last = null;
    for (SequencedMap<String, Object> event : report.events()) {
      if (event.get("device") instanceof Long device && device == index) {
        switch (String.valueOf(event.get("event"))) {
          case "blk", "soak_blk" -> last = event;
          case "villain" -> last = null;
          default -> {}
        }
      }
    }
    if (last != null
        && last.get("start_sector") instanceof Long start
        && last.get("sectors") instanceof Long sectors
        && last.get("sha256") instanceof String guestHash) {
      String hostHash = ImageHash.sha256(disk, start, sectors);
      more.put("sha256_on_host", hostHash);
      more.put("same_as_in_guest", hostHash.equals(guestHash));
    }
  }

  /** The guest's report by event, the events of devices under the device's name. */
  static SequencedMap<String, Object> guest(VmManifest manifest, GuestReport report) {
    SequencedMap<String, Object> guest = new LinkedHashMap<>();
    guest.put("console_bytes", report.consoleBytes());
    for (SequencedMap<String, Object> event : report.events()) {
      SequencedMap<String, Object> facts = new LinkedHashMap<>(event);
      String kind = String.valueOf(facts.remove("event"));
      Object device = facts.get("device");
      boolean ofDevice =
          device instanceof Long index && index >= 0 && index < manifest.devices().size();
      String key = ofDevice ? manifest.devices().get(((Long) device).intValue()).name() : kind;
      if (ofDevice) {
        facts.remove("device");
        merge(guest, key, facts);
      } else if (kind.equals("failure")) {
        appendFailure(guest, facts);
      } else {
        guest.put(key, facts);
      }
    }
    return guest;
  }

  @SuppressWarnings("unchecked") // Only this class puts maps of this type there.
  private static void merge(
      SequencedMap<String, Object> guest, String key, SequencedMap<String, Object> facts) {
    if (guest.get(key) instanceof SequencedMap<?, ?> before) {
      ((SequencedMap<String, Object>) before).putAll(facts);
    } else {
      guest.put(key, facts);
    }
  }

  @SuppressWarnings("unchecked") // Only this class puts a list there.
  private static void appendFailure(
      SequencedMap<String, Object> guest, SequencedMap<String, Object> facts) {
    List<Object> failures =
        (List<Object>) guest.computeIfAbsent("failures", _ -> new ArrayList<Object>());
    failures.add(String.valueOf(facts.get("text")));
  }

  /** The milestones in the order of time; the first of each name counts. */
  static List<RunResult.Timing> timings(Timeline timeline) {
    Map<String, Double> first = new LinkedHashMap<>();
    for (Timeline.Entry entry : timeline.entries()) {
      first.putIfAbsent(entry.source() + "." + entry.event(), entry.millis());
    }
    return first.entrySet().stream()
        .map(entry -> new RunResult.Timing(entry.getKey(), entry.getValue()))
        .toList();
  }
}
