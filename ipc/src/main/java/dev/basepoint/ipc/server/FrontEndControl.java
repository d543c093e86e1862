package dev.basepoint.ipc.server;

import java.time.Duration;

/** What drives a device: vmm-main over a device channel, or a vhost-user front end. */
interface FrontEndControl {
  /** Begins to serve the front end. */
  void start();

  /** The configuration space has new content; safe from any thread. */
  void configChanged(byte[] config);

  /** A queue's ring makes no sense, and the activation is not served any more. */
  void broken(int queue, String reason);

  /** Ends the activation, or gives up after about {@code timeout}. */
  void close(Duration timeout);
}
