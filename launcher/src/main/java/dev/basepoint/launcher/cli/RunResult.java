package dev.basepoint.launcher.cli;

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
      SequencedMap<String, Object> more) {
    /** The facts as {@code --json} prints them. */
    public SequencedMap<String, Object> toJson() {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      json.put("name", name);
      json.put("type", type);
      json.put("requests", requests);
      json.put("bytes", bytes);
      json.put("errors", errors);
      json.putAll(more);
      return json;
    }
  }

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
      long sharedKib) {
    /** The facts as {@code --json} prints them. */
    public SequencedMap<String, Object> toJson() {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      json.put("role", role);
      json.put("name", name);
      json.put("pid", pid);
      json.put("uid", uid);
      json.put("sandbox", sandbox);
      json.put("violations", violations);
      json.put("private_kib", privateKib);
      json.put("shared_kib", sharedKib);
      return json;
    }
  }

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
    json.put("devices", devices.stream().map(DeviceFacts::toJson).toList());
    json.put("processes", processes.stream().map(ProcessFacts::toJson).toList());
    SequencedMap<String, Object> times = new LinkedHashMap<>();
    timings.forEach(timing -> times.put(timing.name, timing.millis));
    json.put("timings", times);
    return json;
  }
}
