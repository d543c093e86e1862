package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.sandbox.jail.Violation;
import java.util.List;

/** Hears what happens to a group; called on the group's threads, which it must not block. */
public interface GroupListener {
  /** A child was started. */
  default void onSpawned(Child child) {}

  /** A child reported something. */
  default void onEvent(Child child, SupervisionEvent event) {}

  /** What of the child's sandbox this host does not enforce, one sentence each. */
  default void onNotices(Child child, List<String> notices) {}

  /**
   * A child attempted what its policy does not cover.
   *
   * @param deadly whether it is ended for it
   */
  default void onViolation(Child child, Violation violation, boolean deadly) {}

  /**
   * A child did with its supervision channel what no child may, and is being ended for it.
   *
   * @param what it did, to follow its name
   */
  default void onBreach(Child child, String what) {}

  /**
   * A child ended.
   *
   * @param expected whether the group had asked it to
   * @param output the last it wrote, empty for a clean end
   */
  default void onExit(Child child, ChildProcess.Exit exit, boolean expected, String output) {}
}
