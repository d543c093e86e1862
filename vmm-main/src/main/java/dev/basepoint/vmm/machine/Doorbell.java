package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionEvent;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The port at which a guest tells its host where it stands: a 32-bit OUT of 1 means "ready", of
 * 0x100 to 0x1ff a marker for measurements. A 32-bit IN gives the version of this interface, so
 * that a guest finds out whether there is a doorbell at all.
 */
final class Doorbell implements PortDevice {
  static final int PORTS = 4;

  private static final int VERSION = 1;
  private static final int READY = 1;
  private static final int MARKER_FIRST = 0x100;
  private static final int MARKER_LAST = 0x1ff;

  /** A guest must not be able to make its host's memory grow: further markers are dropped. */
  private static final int MARKERS_MAX = 4096;

  private final VmListener listener;
  private Runnable pause;
  private final AtomicBoolean ready = new AtomicBoolean();
  private final AtomicInteger markers = new AtomicInteger();

  Doorbell(VmListener listener) {
    this.listener = listener;
  }

  /**
   * Lets the machine pause when the guest rings ready.
   *
   * @param request asks for the pause, on the thread of the vCPU that rang
   */
  void pauseAtReady(Runnable request) {
    pause = request;
  }

  @Override
  public int read(int offset, int bytes) {
    return offset == 0 && bytes == Integer.BYTES ? VERSION : PortBus.OPEN_BUS;
  }

  @Override
  public void write(int offset, int bytes, int value) {
    if (offset != 0 || bytes != Integer.BYTES) {
      return;
    }
    long now = System.nanoTime();
    if (value == READY) {
      if (ready.compareAndSet(false, true)) {
        onReady(now);
      }
    } else if (value >= MARKER_FIRST && value <= MARKER_LAST && takeMarker()) {
      listener.onEvent(new SupervisionEvent.GuestMarker(value - MARKER_FIRST, now));
    }
  }

  private void onReady(long now) {
    if (pause == null) {
      listener.onEvent(new SupervisionEvent.GuestReady(now));
    } else {
      pause.run();
      listener.onPausingAtReady(now);
    }
  }

  private boolean takeMarker() {
    return markers.get() < MARKERS_MAX && markers.getAndIncrement() < MARKERS_MAX;
  }
}
