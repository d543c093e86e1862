package dev.basepoint.ipc.control;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;
import java.util.Map;

/** What a child answers to the launcher. */
public sealed interface SupervisionReply {
  /** The child's role is what it was started as; the launcher compares. */
  record Hello(int version, long featureBits, String role, int pid) implements SupervisionReply {}

  /** Done; nothing to say. */
  record Done() implements SupervisionReply {}

  /**
   * The sandbox is complete.
   *
   * @param listener hears the filter's violations, owned by the receiver; null if the filter has
   *     none
   */
  record Sandboxed(Fd listener) implements SupervisionReply {}

  /**
   * The VM is saved.
   *
   * @param ramBytesWritten bytes of RAM that are not zero, in whole pages
   * @param stateBytes size of all else
   */
  record Saved(long ramBytesWritten, long stateBytes) implements SupervisionReply {}

  /** Counters by group; a device server has one group, vmm-main one for itself and one a device. */
  record Counters(List<Group> groups) implements SupervisionReply {
    public static final int GROUPS_MAX = 64;

    public Counters {
      groups = List.copyOf(groups);
      if (groups.size() > GROUPS_MAX) {
        throw new IllegalArgumentException(groups.size() + " counter groups");
      }
    }
  }

  /**
   * Counters of one thing. Every device has at least "requests", "bytesToGuest", "bytesFromGuest"
   * and "errors".
   */
  record Group(String name, Map<String, Long> values) {
    public static final int VALUES_MAX = 256;

    public Group {
      values = Map.copyOf(values);
      if (values.size() > VALUES_MAX) {
        throw new IllegalArgumentException(values.size() + " counters in group " + name);
      }
    }
  }
}
