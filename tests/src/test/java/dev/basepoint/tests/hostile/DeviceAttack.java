package dev.basepoint.tests.hostile;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * What a device server that somebody has taken over does to vmm-main, once it has served some
 * requests truly. A device asks for its attack by its name.
 */
public enum DeviceAttack {
  // In the window, while a request is in flight.
  USED_ID_NEVER_OFFERED,
  USED_ID_OUT_OF_RANGE,
  USED_TWICE,
  USED_LENGTH_BEYOND_OFFER,
  USED_LENGTH_HUGE,
  USED_INDEX_FORWARD,
  USED_INDEX_HUGE,
  USED_INDEX_BACKWARD,
  CALL_STORM,
  SCRIBBLES_RINGS,
  SCRIBBLES_DATA,
  TRUNCATES_WINDOW,
  UNBLOCKS_EVENTFDS,

  // On the device channel, while a request is in flight.
  EVENT_FLOOD,
  REPLY_FLOOD,
  CONFIG_OF_OTHER_SIZE,
  CLAIMS_BROKEN,
  REPLY_NOBODY_ASKED_FOR,
  UNKNOWN_MESSAGE,
  GARBAGE_BYTES,
  GARBAGE_PAYLOAD,
  OVERSIZED_MESSAGE,
  SURPLUS_DESCRIPTORS,
  UNANNOUNCED_DESCRIPTORS,
  CLOSES_CHANNEL,
  DIES,

  // By its answers.
  REPLY_TWICE,
  REPLY_OF_WRONG_TYPE,
  REPLY_OUT_OF_ORDER,
  SILENT_ON_ACTIVATE,
  SILENT_ON_RUN,
  SILENT_ON_PING,
  LATE_ON_PING,
  COMPLETES_NOTHING,
  SILENT_ON_DESCRIBE;

  /** What a device of type {@code kind} is called whose server does this. */
  public String deviceName(String kind) {
    return kind + "-" + name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The attack that a device's name asks for; empty for an honest device. */
  static Optional<DeviceAttack> of(String deviceName) {
    String kind = deviceName.split("-", 2)[0];
    return Arrays.stream(values())
        .filter(attack -> attack.deviceName(kind).equals(deviceName))
        .findFirst();
  }
}
