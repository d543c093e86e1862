package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import java.io.IOException;

/**
 * How a role is played through against itself before it is needed. A JVM serves its first requests
 * ten times slower than the thousandth; a server that waits in a pool gets that over with.
 */
public interface Rehearsal<C extends SupervisionRequest.ConfigureDevice> {
  /** A configuration with a scratch back end, which the device then owns. */
  C configuration(Fd channel) throws IOException;

  /** How many queues to activate, from queue 0 on. */
  int queueCount();

  /** Plays one typical request of each kind and waits for its completion. */
  void request(RehearsalDriver driver) throws IOException;
}
