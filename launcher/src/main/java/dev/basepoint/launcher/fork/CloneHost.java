package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmListener;
import java.io.IOException;

/** Where clones live. */
@FunctionalInterface
public interface CloneHost {
  /**
   * Takes in a clone, which has its name and does not run yet.
   *
   * @return whoever is to hear it
   * @throws IOException if it may not run; it is ended then
   */
  VmListener admit(Vm vm) throws IOException;

  /** Whether no VM has that name at present. */
  default boolean isFree(String name) {
    return true;
  }
}
