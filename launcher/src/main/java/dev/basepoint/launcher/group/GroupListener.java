package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.ChildProcess;

/** Hears what happens to a group; called on the group's threads, which it must not block. */
public interface GroupListener {
  /** A child was started. */
  default void onSpawned(Child child) {}

  /** A child reported something. */
  default void onEvent(Child child, SupervisionEvent event) {}

  /**
   * A child ended.
   *
   * @param expected whether the group had asked it to
   * @param output the last it wrote, empty for a clean end
   */
  default void onExit(Child child, ChildProcess.Exit exit, boolean expected, String output) {}
}
