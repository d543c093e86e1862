package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import java.io.IOException;

/**
 * How a role is played through against itself before it is needed. A JVM serves its first requests
 * ten times slower than the thousandth; a server that waits in a pool gets that over with.
 */
public interface Rehearsal<C extends SupervisionRequest.ConfigureDevice> {
  /** How many kinds of back end to rehearse with, one after the other. */
  default int variants() {
    return 1;
  }

  /**
   * A configuration with a scratch back end, which the device then owns.
   *
   * @param variant which kind of back end, below {@link #variants}
   */
  C configuration(Fd channel, int variant) throws IOException;

  /** How many queues to activate, from queue 0 on. */
  int queueCount();

  /** Plays one typical request of each kind and waits for its completion. */
  void request(RehearsalDriver driver) throws IOException;
}
