package dev.basepoint.launcher.group;

import dev.basepoint.launcher.cli.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** Turns SIGINT, SIGTERM and SIGHUP into a clean stop, and gives them back afterwards. */
public final class StopSignals implements AutoCloseable {
  private record Previous(Signal signal, SignalHandler handler) {}

  private final List<Previous> previous = new ArrayList<>();

  private StopSignals() {}

  /**
   * Catches the signals.
   *
   * @param stop hears {@link Outcome#INTERRUPTED} for Ctrl-C's signal and {@link
   *     Outcome#TERMINATED} for the others
   */
  public static StopSignals install(Consumer<Outcome> stop) {
    StopSignals signals = new StopSignals();
    for (String name : List.of("INT", "TERM", "HUP")) {
      Signal signal = new Signal(name);
      Outcome outcome = name.equals("INT") ? Outcome.INTERRUPTED : Outcome.TERMINATED;
      SignalHandler before = Signal.handle(signal, _ -> stop.accept(outcome));
      signals.previous.add(new Previous(signal, before));
    }
    return signals;
  }

  @Override
  public void close() {
    for (Previous entry : previous) {
      Signal.handle(entry.signal(), entry.handler());
    }
  }
}
