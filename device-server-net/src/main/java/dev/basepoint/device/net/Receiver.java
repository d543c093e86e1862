package dev.basepoint.device.net;

import dev.basepoint.ipc.server.Counter;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.Progress;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The receive queue, virtio 1.2 section 5.1.6.3: from the back end to the driver. One packet that
 * found no buffers is kept until the driver offers some; the back end keeps those behind it.
 */
final class Receiver {
  private static final int PACKETS_PER_CALL = 64;

  /** Why {@link #process} stopped. */
  enum Stop {
    /** The back end has nothing: watch it. */
    BACK_END_EMPTY,
    /** The driver has no buffers: do not watch the back end. */
    NO_BUFFERS,
    /** There may be more. */
    BOUND,
    /** The back end's peer is gone. */
    GONE
  }

  private final PacketBackEnd backEnd;
  private final Counter requests;
  private final Counter bytesToGuest;
  private final Counter errors;
  private final Counter frames;
  private final Counter dropped;
  private final MemorySegment frame =
      Arena.ofAuto().allocate(VirtioNetHeader.BYTES + PacketBackEnd.FRAME_BYTES_MAX, 8);
  private final MemorySegment numBuffers = Arena.ofAuto().allocate(VirtioNetHeader.BYTES, 8);

  private long features;
  private QueuePort queue;
  private DescriptorChain first;
  private DescriptorChain further;
  private int[] heads;
  private long[] written;
  private int pendingBytes;

  Receiver(PacketBackEnd backEnd, DeviceHost host) {
    this.backEnd = backEnd;
    requests = host.requests();
    bytesToGuest = host.bytesToGuest();
    errors = host.errors();
    frames = host.counter("rxFrames");
    dropped = host.counter("rxDropped");
  }

  void activate(QueuePort queue, long features) {
    this.queue = queue;
    this.features = features;
    if (queue != null) {
      first = queue.newChain();
      further = queue.newChain();
      heads = new int[queue.size()];
      written = new long[queue.size()];
    }
  }

  QueuePort queue() {
    return queue;
  }

  void deactivate() {
    queue = null;
    first = null;
    further = null;
    heads = null;
    written = null;
    pendingBytes = 0;
  }

  /** What the frame is told after {@code stop}. */
  static Progress progress(Stop stop) {
    return switch (stop) {
      case BACK_END_EMPTY, GONE -> Progress.BLOCKED;
      case NO_BUFFERS -> Progress.EMPTY;
      case BOUND -> Progress.MORE;
    };
  }

  /** Hands packets to the driver as long as there are both packets and buffers. */
  Stop process(boolean linkUp) {
    for (int i = 0; i < PACKETS_PER_CALL; i++) {
      if (pendingBytes == 0) {
        int received = backEnd.receive(frame);
        switch (received) {
          case PacketBackEnd.NOTHING -> {
            return Stop.BACK_END_EMPTY;
          }
          case PacketBackEnd.GONE -> {
            return Stop.GONE;
          }
          case PacketBackEnd.MALFORMED -> {
            dropped.increment();
            continue;
          }
          default -> pendingBytes = received;
        }
        VirtioNetHeader.restrictForDriver(frame, 0, features);
      }
      if (!linkUp) {
        dropped.increment();
        pendingBytes = 0;
      } else if (!deliver()) {
        return Stop.NO_BUFFERS;
      }
    }
    return Stop.BOUND;
  }

  /** Delivers or drops the pending packet; false if there are not enough buffers yet. */
  private boolean deliver() {
    boolean mergeable = (features & NetFeatures.VIRTIO_NET_F_MRG_RXBUF) != 0;
    long done = 0;
    int buffers = 0;
    while (done < pendingBytes) {
      DescriptorChain chain = buffers == 0 ? first : further;
      if (!popWritable(chain, buffers == 0 ? VirtioNetHeader.BYTES : 1)) {
        putBack(buffers);
        return false;
      }
      if (!mergeable && chain.writableBytes() < pendingBytes) {
        queue.unpop(chain.headId());
        dropped.increment();
        pendingBytes = 0;
        return true;
      }
      long step = chain.copyToWritable(0, frame, done, pendingBytes - done);
      heads[buffers] = chain.headId();
      written[buffers] = step;
      buffers++;
      done += step;
    }
    writeNumBuffers(buffers);
    for (int i = 0; i < buffers; i++) {
      queue.complete(heads[i], written[i]);
      requests.increment();
    }
    frames.increment();
    bytesToGuest.add(pendingBytes - VirtioNetHeader.BYTES);
    pendingBytes = 0;
    return true;
  }

  /** Pops a buffer the device can write at least {@code bytesMin} bytes to; others are errors. */
  private boolean popWritable(DescriptorChain chain, int bytesMin) {
    while (queue.pop(chain)) {
      if (chain.readableCount() == 0 && chain.writableBytes() >= bytesMin) {
        return true;
      }
      errors.increment();
      requests.increment();
      queue.complete(chain.headId(), 0);
    }
    return false;
  }

  private void putBack(int buffers) {
    for (int i = buffers - 1; i >= 0; i--) {
      queue.unpop(heads[i]);
    }
  }

  private void writeNumBuffers(int buffers) {
    MemorySegment.copy(frame, 0, numBuffers, 0, VirtioNetHeader.BYTES);
    VirtioNetHeader.setNumBuffers(numBuffers, 0, buffers);
    first.copyToWritable(0, numBuffers, 0, VirtioNetHeader.BYTES);
  }
}
