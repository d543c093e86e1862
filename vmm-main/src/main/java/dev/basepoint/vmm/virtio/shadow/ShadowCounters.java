package dev.basepoint.vmm.virtio.shadow;

import java.util.LinkedHashMap;
import java.util.Map;

/** What a device has done so far. Guarded by the device's lock, like what it counts. */
public final class ShadowCounters {
  long requests;
  long bytesToGuest;
  long bytesFromGuest;
  long errors;
  long kicks;
  long calls;
  long serverKicks;
  long interrupts;
  long windowFull;
  long activations;
  long resets;
  long failures;
  long recoveries;

  /** Counts a mistake of the driver. */
  public void driverError() {
    errors++;
  }

  /** Counts a device that has begun to serve. */
  public void activation() {
    activations++;
  }

  /** Counts a reset by the driver. */
  public void reset() {
    resets++;
  }

  /** Counts a device server that failed us. */
  public void failure() {
    failures++;
  }

  /** Counts a failed device server that was replaced. */
  public void recovery() {
    recoveries++;
  }

  /** All values by the names they are reported under. */
  public Map<String, Long> values() {
    Map<String, Long> values = new LinkedHashMap<>();
    values.put("requests", requests);
    values.put("bytesToGuest", bytesToGuest);
    values.put("bytesFromGuest", bytesFromGuest);
    values.put("errors", errors);
    values.put("kicks", kicks);
    values.put("calls", calls);
    values.put("serverKicks", serverKicks);
    values.put("interrupts", interrupts);
    values.put("windowFull", windowFull);
    values.put("activations", activations);
    values.put("resets", resets);
    values.put("failures", failures);
    values.put("recoveries", recoveries);
    return values;
  }
}
