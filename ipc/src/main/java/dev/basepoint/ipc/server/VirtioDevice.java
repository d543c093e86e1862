package dev.basepoint.ipc.server;

import dev.basepoint.ipc.virtqueue.QueueLimits;
import java.io.IOException;

/**
 * What the role of a device server implements; everything around it is {@link DeviceServer}'s.
 *
 * <pre>
 *   constructor --> activate --> start --> processQueue ... --> quiesce --> deactivate --> close
 *                      ^           ^                               |            |
 *                      |           +-------- after a drain --------+            |
 *                      +---------------------- next activation -----------------+
 * </pre>
 *
 * <p>Thread rule: the constructor runs before the queue thread starts, everything else on the queue
 * thread, the handlers that the device registers with {@link DeviceHost#loop} included. So a device
 * needs no lock. A device with worker threads hands their results back through a {@link
 * CompletionMailbox}.
 *
 * <p>No method may block on the back end for longer than one bounded request.
 */
public interface VirtioDevice extends AutoCloseable {
  /** The device type of virtio 1.2 section 5. */
  int virtioDeviceId();

  /** The feature bits of this device type; those of the transport are the frame's. */
  long deviceFeatures();

  /** How many virtqueues the device has. */
  int queueCount();

  /** The largest queue size the device accepts, a power of two. */
  int queueSizeMax();

  /** The configuration space as it is now. */
  byte[] config();

  /** What one chain may ask of this device; {@code queueSize} is what the driver chose. */
  default QueueLimits limits(int queueSize) {
    return QueueLimits.ofSpecification(queueSize);
  }

  /**
   * Whether chains are completed in the order in which they were popped, so that the used ring
   * alone tells which ones a killed server left open.
   */
  default boolean completesInOrder() {
    return false;
  }

  /**
   * Takes the queues over. Nothing can be popped before {@link #start}.
   *
   * @throws IOException if these features or queues cannot be served; the activation is refused and
   *     {@link #deactivate} is not called
   */
  void activate(Activation activation) throws IOException;

  /** May pop from now on; {@link #processQueue} of every queue follows at once. */
  void start();

  /**
   * Serves a queue after a kick, after MORE, or after {@link QueuePort#resume}. Bounded work, so
   * that no queue starves another; the frame flushes afterwards.
   */
  Progress processQueue(QueuePort queue);

  /**
   * Nothing can be popped from now on. The device completes what it has popped, or puts it back
   * with {@link QueuePort#unpop}, if not now then soon; the frame waits until nothing is in flight.
   */
  void quiesce();

  /** Forgets the activation. Nothing is in flight and the window goes away afterwards. */
  void deactivate();

  /**
   * The driver wrote to the configuration space.
   *
   * @param offset and {@code data} lie inside {@link #config}; read-only fields ignore writes
   */
  void writeConfig(int offset, byte[] data);

  /**
   * Sets the link of a network device.
   *
   * @throws IOException if the device has no link
   */
  default void setLink(boolean up) throws IOException {
    throw new IOException("this device has no link");
  }

  /** Closes the back end. */
  @Override
  void close();
}
