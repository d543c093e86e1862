package dev.basepoint.launcher.group;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;

/**
 * The facts of one run, as {@code --json} prints them.
 *
 * @param timings milliseconds since the command's start, by "process.event"
 */
public record RunFacts(
    String name,
    Outcome outcome,
    Guest guest,
    Map<String, Device> devices,
    List<ProcessFacts> processes,
    Map<String, Double> timings,
    List<String> warnings) {
  /**
   * How it ended.
   *
   * @param kind "power-off", "reset", "triple-fault", "error", "child-lost", "stopped", "timed-out"
   * @param detail one sentence, or empty
   */
  public record Outcome(String kind, String detail, boolean success) {}

  /**
   * What the guest said.
   *
   * @param failures as the probe guest counts them, or null if it is another guest or did not
   *     finish
   */
  public record Guest(long consoleBytes, Integer failures, List<JsonNode> events) {}

  /**
   * What a device did, by its server's own counters.
   *
   * @param bytes moved in both directions
   * @param counters everything that the server counts
   * @param shadow what vmm-main counts on its side of the device
   */
  public record Device(
      String kind,
      long requests,
      long bytes,
      long errors,
      Map<String, Long> counters,
      Map<String, Long> shadow) {}

  /**
   * One process of the group.
   *
   * @param privateKib memory that no other process maps
   * @param sharedKib memory that others map too
   * @param exit how it ended, or null if it was running when the facts were taken
   */
  public record ProcessFacts(
      String role,
      String name,
      int pid,
      long privateKib,
      long sharedKib,
      long proportionalKib,
      String exit) {}
}
