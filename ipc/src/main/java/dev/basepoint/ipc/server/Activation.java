package dev.basepoint.ipc.server;

import dev.basepoint.ipc.memory.GuestMemory;
import java.util.List;

/** What a driver handed over when it activated the device. */
public final class Activation {
  private final long features;
  private final GuestMemory memory;
  private final QueuePort[] portsByIndex;
  private final List<QueuePort> ports;

  Activation(long features, GuestMemory memory, int queueCount, List<QueuePort> ports) {
    this.features = features;
    this.memory = memory;
    this.ports = List.copyOf(ports);
    portsByIndex = new QueuePort[queueCount];
    for (QueuePort port : ports) {
      portsByIndex[port.index()] = port;
    }
  }

  /** The negotiated features. */
  public long features() {
    return features;
  }

  /** Whether all of {@code bits} were negotiated. */
  public boolean has(long bits) {
    return (features & bits) == bits;
  }

  /** The queues that the driver set up, by ascending index. */
  public List<QueuePort> queues() {
    return ports;
  }

  /** A queue, or null if the driver left it alone. */
  public QueuePort queue(int index) {
    return portsByIndex[index];
  }

  /** The driver's memory: the window, or several regions of a vhost-user front end. */
  public GuestMemory memory() {
    return memory;
  }
}
