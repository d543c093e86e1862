package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;

/** Hears what happens to a VM; called on the VM's threads, which it must not block. */
public interface VmListener {
  /** A step begins that may take long enough to be shown, for example "starting blk0". */
  default void onStep(String text) {}

  /** Something is odd, but the VM goes on. */
  default void onWarning(String text) {}

  /** A process of the VM reported something. */
  default void onEvent(Child child, SupervisionEvent event) {}

  /** The VM is in another state than before. */
  default void onState(Vm.State state) {}
}
