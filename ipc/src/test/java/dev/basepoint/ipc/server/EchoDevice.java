package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;

/** A device that answers with what it was asked, for tests of the frame. */
final class EchoDevice implements VirtioDevice {
  static final DeviceRole<SupervisionRequest.ConfigureRng> ROLE =
      new DeviceRole<>("echo", SupervisionRequest.ConfigureRng.class, EchoDevice::new);

  /** Queue 0 takes requests and does not answer before it is told to. */
  static final long FEATURE_HOLD = 1L << 3;

  static final long FEATURE_ONE_AT_A_TIME = 1L << 4;
  static final int QUEUES = 2;

  /** A request that starts with this byte releases the held ones. */
  static final byte RELEASE = 'R';

  /** A configuration write that starts with this byte hangs until {@link #HANGING} lets it go. */
  static final byte HANG = 'H';

  static final Semaphore HANGING = new Semaphore(0);

  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

  private final DeviceHost host;
  private final MemorySegment buffer = Arena.ofAuto().allocate(64 * 1024);
  private final Deque<DescriptorChain> held = new ArrayDeque<>();
  private final byte[] config = {1, 2, 3, 4};
  private Activation activation;

  EchoDevice(SupervisionRequest.ConfigureRng configuration, DeviceHost host) throws IOException {
    this.host = host;
    if (configuration.requestBytesMax() == 13) {
      throw new IOException("the back end of " + configuration.name() + " is unlucky");
    }
  }

  @Override
  public int virtioDeviceId() {
    return 42;
  }

  @Override
  public long deviceFeatures() {
    return FEATURE_HOLD | FEATURE_ONE_AT_A_TIME;
  }

  @Override
  public int queueCount() {
    return QUEUES;
  }

  @Override
  public int queueSizeMax() {
    return 64;
  }

  @Override
  public byte[] config() {
    return config.clone();
  }

  @Override
  public void activate(Activation newActivation) throws IOException {
    if (newActivation.queue(0) == null) {
      throw new IOException("queue 0 is missing");
    }
    activation = newActivation;
  }

  @Override
  public void start() {}

  @Override
  public Progress processQueue(QueuePort queue) {
    while (true) {
      DescriptorChain chain = queue.newChain();
      if (!queue.pop(chain)) {
        return Progress.EMPTY;
      }
      boolean release =
          chain.copyFromReadable(0, buffer, 0, 1) == 1 && buffer.get(BYTE, 0) == RELEASE;
      if (activation.has(FEATURE_HOLD) && queue.index() == 0 && !release) {
        held.add(chain);
      } else {
        echo(queue, chain);
        if (queue.index() == 0) {
          releaseHeld(queue);
        }
      }
      if (activation.has(FEATURE_ONE_AT_A_TIME)) {
        return Progress.MORE;
      }
    }
  }

  private void releaseHeld(QueuePort queue) {
    while (!held.isEmpty()) {
      echo(queue, held.poll());
    }
  }

  private void echo(QueuePort queue, DescriptorChain chain) {
    long bytes = chain.copyFromReadable(0, buffer, 0, buffer.byteSize());
    host.requests().increment();
    host.bytesFromGuest().add(bytes);
    queue.complete(chain.headId(), chain.copyToWritable(0, buffer, 0, bytes));
  }

  @Override
  public void quiesce() {
    // As a disk would, some time later.
    host.loop().execute(this::settle);
  }

  private void settle() {
    if (activation != null) {
      releaseHeld(activation.queue(0));
      activation.queue(0).flush();
    }
  }

  @Override
  public void deactivate() {
    if (!held.isEmpty()) {
      throw new IllegalStateException("deactivated with " + held.size() + " chains in flight");
    }
    activation = null;
  }

  @Override
  public void writeConfig(int offset, byte[] data) {
    if (data[0] == HANG) {
      HANGING.acquireUninterruptibly();
    }
    System.arraycopy(data, 0, config, offset, data.length);
  }

  @Override
  public void setLink(boolean up) {
    config[0] = (byte) (up ? 1 : 0);
    host.configChanged();
  }

  @Override
  public void close() {
    host.warn("closed");
  }
}
