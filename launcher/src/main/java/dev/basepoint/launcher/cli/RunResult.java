package dev.basepoint.launcher.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * The facts of a run.
 *
 * @param outcome how it ended
 * @param detail one sentence about the outcome, or empty
 * @param guest the guest's own report: strings, numbers, booleans, lists and maps
 * @param devices one entry per device, in the manifest's order
 * @param processes one entry per process, the launcher first
 * @param timings milestones in the order of time
 */
public record RunResult(
    Outcome outcome,
    String detail,
    SequencedMap<String, Object> guest,
    List<DeviceFacts> devices,
    List<ProcessFacts> processes,
    List<Timing> timings) {
  /**
   * What a device server did.
   *
   * @param errors requests that it answered with an error
   * @param more further counters and facts, for example an image's hash
   */
  public record DeviceFacts(
      String name,
      String type,
      long requests,
      long bytes,
      long errors,
      SequencedMap<String, Object> more) {}

  /**
   * A process of the group.
   *
   * @param role {@code launcher}, {@code vmm-main}, {@code blk}, {@code net} or {@code rng}
   * @param name the device's name for a device server, else the VM's
   * @param uid the host's uid that it runs under
   * @param sandbox {@code strict}, {@code permissive} or {@code off}
   * @param violations how often it attempted what its policy does not cover
   * @param privateKib memory that only this process has
   * @param sharedKib memory that it shares with others
   */
  public record ProcessFacts(
      String role,
      String name,
      int pid,
      int uid,
      String sandbox,
      int violations,
      long privateKib,
      long sharedKib) {}

  /** A milestone and its distance from the command's start. */
  public record Timing(String name, double millis) {}

  public RunResult {
    devices = List.copyOf(devices);
    processes = List.copyOf(processes);
    timings = List.copyOf(timings);
  }

  /** The result as the JSON object that {@code --json} prints. */
  public SequencedMap<String, Object> toJson() {
    SequencedMap<String, Object> json = new LinkedHashMap<>();
    json.put("outcome", outcome.key());
    json.put("detail", detail);
    json.put("exit_code", outcome.exitCode().code());
    json.put("guest", guest);
    List<Object> deviceList = new ArrayList<>();
    for (DeviceFacts device : devices) {
      SequencedMap<String, Object> entry = new LinkedHashMap<>();
      entry.put("name", device.name);
      entry.put("type", device.type);
      entry.put("requests", device.requests);
      entry.put("bytes", device.bytes);
      entry.put("errors", device.errors);
      entry.putAll(device.more);
      deviceList.add(entry);
    }
    json.put("devices", deviceList);
    List<Object> processList = new ArrayList<>();
    for (ProcessFacts process : processes) {
      SequencedMap<String, Object> entry = new LinkedHashMap<>();
      entry.put("role", process.role);
      entry.put("name", process.name);
      entry.put("pid", process.pid);
      entry.put("uid", process.uid);
      entry.put("sandbox", process.sandbox);
      entry.put("violations", process.violations);
      entry.put("private_kib", process.privateKib);
      entry.put("shared_kib", process.sharedKib);
      processList.add(entry);
    }
    json.put("processes", processList);
    SequencedMap<String, Object> times = new LinkedHashMap<>();
    timings.forEach(timing -> times.put(timing.name, timing.millis));
    json.put("timings", times);
    return json;
  }
}
