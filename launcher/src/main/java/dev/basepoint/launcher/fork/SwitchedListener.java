package dev.basepoint.launcher.fork;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.launcher.group.Child;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmListener;

/** Passes a prepared clone's events on to whoever takes the clone; until then nobody hears them. */
final class SwitchedListener implements VmListener {
  private static final VmListener NOBODY = new VmListener() {};

  private volatile VmListener target = NOBODY;

  void switchTo(VmListener listener) {
    target = listener;
  }

  @Override
  public void onStep(String text) {
    target.onStep(text);
  }

  @Override
  public void onWarning(String text) {
    target.onWarning(text);
  }

  @Override
  public void onEvent(Child child, SupervisionEvent event) {
    target.onEvent(child, event);
  }

  @Override
  public void onState(Vm.State state) {
    target.onState(state);
  }
}
