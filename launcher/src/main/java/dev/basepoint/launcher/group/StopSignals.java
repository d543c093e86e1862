package dev.basepoint.launcher.group;

import java.util.ArrayList;
import java.util.List;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Turns SIGINT, SIGTERM and SIGHUP into a clean stop of a group, and gives them back afterwards.
 */
final class StopSignals implements AutoCloseable {
  private record Previous(Signal signal, SignalHandler handler) {}

  private final List<Previous> previous = new ArrayList<>();
  private volatile Signal received;

  private StopSignals() {}

  static StopSignals install(ProcessGroup group) {
    StopSignals signals = new StopSignals();
    for (String name : List.of("INT", "TERM", "HUP")) {
      Signal signal = new Signal(name);
      SignalHandler before =
          Signal.handle(
              signal,
              caught -> {
                signals.received = caught;
                group.requestStop();
              });
      signals.previous.add(new Previous(signal, before));
    }
    return signals;
  }

  /** Whether a signal asked for the end. */
  boolean stopRequested() {
    return received != null;
  }

  /** Whether that was another signal than Ctrl-C's. */
  boolean terminated() {
    return received != null && !received.getName().equals("INT");
  }

  @Override
  public void close() {
    for (Previous entry : previous) {
      Signal.handle(entry.signal(), entry.handler());
    }
  }
}
