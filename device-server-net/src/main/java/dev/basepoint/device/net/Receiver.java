package dev.basepoint.device.net;

import dev.basepoint.ipc.server.Counter;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.Progress;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The receive queue, virtio 1.2 section 5.1.6.3: from the back end to the driver. One packet that
 * found no buffers, or too few, is kept until the driver offers more; the back end keeps those
 * behind it. Buffers that hold a part of it stay in flight meanwhile, so that the ring is empty and
 * the driver's next kick goes on with it.
 */
final class Receiver {
  private static final int PACKETS_PER_CALL = 64;

  private static final int ETHERNET_HEADER_BYTES = 14;
  private static final int VLAN_TAG_BYTES = 4;
  private static final long ETHERTYPE_OFFSET = VirtioNetHeader.BYTES + 12;
  private static final short ETHERTYPE_VLAN = (short) 0x8100;
  private static final ValueLayout.OfShort U16_BE =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

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
  private final MemorySegment numBuffers = Arena.ofAuto().allocate(Short.BYTES, Short.BYTES);
  private final int mtuBytes;

  private long features;
  private QueuePort queue;
  private DescriptorChain first;
  private DescriptorChain further;
  private int[] heads;
  private long[] written;

  /** The packet in {@link #frame}, or 0. */
  private int pendingBytes;

  /** How much of it lies in the first {@link #buffers} of {@link #heads}. */
  private int placedBytes;

  private int buffers;
  private int segments;

  Receiver(PacketBackEnd backEnd, int mtuBytes, DeviceHost host) {
    this.backEnd = backEnd;
    this.mtuBytes = mtuBytes;
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

  /** Puts back what is in flight; the packet is delivered from its start after a drain. */
  void quiesce() {
    if (queue != null) {
      releaseBuffers();
    }
  }

  void deactivate() {
    if (pendingBytes > 0) {
      dropped.increment();
      pendingBytes = 0;
    }
    queue = null;
    first = null;
    further = null;
    heads = null;
    written = null;
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
          default -> {
            if (!VirtioNetHeader.adaptForDriver(frame, features) || isTooLong(received)) {
              dropped.increment();
              continue;
            }
            pendingBytes = received;
          }
        }
      }
      if (!linkUp) {
        dropPending();
      } else if (!deliver()) {
        return Stop.NO_BUFFERS;
      }
    }
    return Stop.BOUND;
  }

  /** Whether a packet exceeds the MTU that the driver relies on, section 5.1.4.1. */
  private boolean isTooLong(int received) {
    if ((features & NetFeatures.VIRTIO_NET_F_MTU) == 0 || VirtioNetHeader.isSegment(frame)) {
      return false;
    }
    boolean tagged = frame.get(U16_BE, ETHERTYPE_OFFSET) == ETHERTYPE_VLAN;
    int overheadBytes = ETHERNET_HEADER_BYTES + (tagged ? VLAN_TAG_BYTES : 0);
    return received - VirtioNetHeader.BYTES > mtuBytes + overheadBytes;
  }

  /** Delivers or drops the pending packet; false if there are not enough buffers yet. */
  private boolean deliver() {
    boolean mergeable = (features & NetFeatures.VIRTIO_NET_F_MRG_RXBUF) != 0;
    while (placedBytes < pendingBytes) {
      DescriptorChain chain = buffers == 0 ? first : further;
      if (segments >= queue.size()) {
        // The driver has no descriptors left to offer; the packet would block the queue for ever.
        dropPending();
        return true;
      }
      if (!popWritable(chain, buffers == 0 ? VirtioNetHeader.BYTES : 1)) {
        return false;
      }
      if (!mergeable && chain.writableBytes() < pendingBytes) {
        queue.unpop(chain.headId());
        dropPending();
        return true;
      }
      long step = chain.copyToWritable(0, frame, placedBytes, pendingBytes - placedBytes);
      heads[buffers] = chain.headId();
      written[buffers] = step;
      buffers++;
      segments += chain.count();
      placedBytes += (int) step;
    }
    numBuffers.set(ValueLayout.JAVA_SHORT, 0, (short) buffers);
    first.copyToWritable(VirtioNetHeader.NUM_BUFFERS, numBuffers, 0, Short.BYTES);
    for (int i = 0; i < buffers; i++) {
      queue.complete(heads[i], written[i]);
    }
    requests.add(buffers);
    frames.increment();
    bytesToGuest.add(pendingBytes - VirtioNetHeader.BYTES);
    pendingBytes = 0;
    forgetBuffers();
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

  private void dropPending() {
    dropped.increment();
    pendingBytes = 0;
    releaseBuffers();
  }

  private void releaseBuffers() {
    for (int i = buffers - 1; i >= 0; i--) {
      if (queue.isLastPopped(heads[i])) {
        queue.unpop(heads[i]);
      } else {
        // A malformed one was popped after it, so it can only be returned empty.
        requests.increment();
        queue.complete(heads[i], 0);
      }
    }
    forgetBuffers();
  }

  private void forgetBuffers() {
    placedBytes = 0;
    buffers = 0;
    segments = 0;
  }
}
