package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.util.List;

/** A device as {@link BackEndSession} drives it; called by the session's thread alone. */
public interface BackEndDevice {
  /** All virtio feature bits on offer. */
  long features();

  /** How many virtqueues there are. */
  int queueCount();

  /** The largest queue size, a power of two. */
  int queueSizeMax();

  /** The configuration space as it is now. */
  byte[] config() throws IOException;

  /**
   * Whether chains are completed in the order in which they were taken, so that after a crash the
   * used ring alone tells which ones are open.
   */
  boolean completesInOrder();

  /** The driver writes to the configuration space; the range is inside it. */
  void writeConfig(int offset, byte[] data) throws IOException;

  /**
   * A queue to serve.
   *
   * @param position where to go on; the chains in flight there are those of {@code reopened}
   * @param reopened heads of chains to serve again, first
   * @param kick the driver's notifications; stays the caller's
   * @param call to be signalled for used buffers, or null; stays the caller's
   * @param inflight where to keep track of chains, or null
   */
  record Vring(
      int index,
      RingAddresses addresses,
      QueuePosition position,
      int[] reopened,
      Fd kick,
      Fd call,
      InflightQueue inflight) {}

  /**
   * Begins to serve {@code vrings}; not while others are being served.
   *
   * @throws IOException why that is impossible; nothing is served then
   */
  void start(long features, GuestMemory memory, List<Vring> vrings) throws IOException;

  /**
   * Serves nothing any more, once all that was taken is done: {@code memory} is not touched again.
   *
   * @return by queue index, the next available ring entry; -1 for queues that were not served
   * @throws IOException if requests stay in flight; the process must then end
   */
  int[] stop() throws IOException;

  /** Replaces what is signalled for used buffers of a queue that is being served. */
  void setCall(int index, Fd call) throws IOException;
}
