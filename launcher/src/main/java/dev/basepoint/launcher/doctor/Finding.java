package dev.basepoint.launcher.doctor;

import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * What was found out about one feature.
 *
 * @param area what it belongs to, for example {@code kvm}
 * @param feature its name
 * @param verdict whether it can be used
 * @param required whether VMs cannot run without it
 * @param detail what was seen
 * @param advice what a lack means and what to do about it; empty if all is well
 */
public record Finding(
    String area, String feature, Verdict verdict, boolean required, String detail, String advice) {

  static Finding ok(String area, String feature, String detail) {
    return new Finding(area, feature, Verdict.OK, false, detail, "");
  }

  static Finding degraded(String area, String feature, String detail, String advice) {
    return new Finding(area, feature, Verdict.DEGRADED, false, detail, advice);
  }

  static Finding missing(String area, String feature, String detail, String advice) {
    return new Finding(area, feature, Verdict.MISSING, false, detail, advice);
  }

  /** This finding about something that VMs cannot run without. */
  Finding asRequired() {
    return new Finding(area, feature, verdict, true, detail, advice);
  }

  /** Whether the finding means that VMs cannot run. */
  public boolean preventsRunning() {
    return required && verdict == Verdict.MISSING;
  }

  /** The finding as JSON. */
  public SequencedMap<String, Object> toJson() {
    SequencedMap<String, Object> json = new LinkedHashMap<>();
    json.put("area", area);
    json.put("feature", feature);
    json.put("verdict", verdict.key());
    json.put("required", required);
    json.put("detail", detail);
    json.put("advice", advice);
    return json;
  }
}
