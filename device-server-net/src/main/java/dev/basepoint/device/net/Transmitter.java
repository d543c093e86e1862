package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.server.Counter;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.Progress;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.RangeSink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The transmit queue, virtio 1.2 section 5.1.6.2: from the driver to the back end. */
final class Transmitter {
  private static final int PACKETS_PER_CALL = 64;
  private static final int ETHERNET_HEADER_BYTES = 14;

  private final PacketBackEnd backEnd;
  private final Counter requests;
  private final Counter bytesFromGuest;
  private final Counter errors;
  private final Counter frames;
  private final Counter dropped;
  private final MemorySegment header = Arena.ofAuto().allocate(VirtioNetHeader.BYTES, 8);
  private final IovecArray packet;
  private final RangeSink packetSink;

  private long features;
  private QueuePort queue;
  private DescriptorChain chain;

  Transmitter(PacketBackEnd backEnd, DeviceHost host, int segmentsMax) {
    this.backEnd = backEnd;
    requests = host.requests();
    bytesFromGuest = host.bytesFromGuest();
    errors = host.errors();
    frames = host.counter("txFrames");
    dropped = host.counter("txDropped");
    packet = new IovecArray(segmentsMax);
    packetSink = packet::add;
  }

  void activate(QueuePort queue, long features) {
    this.queue = queue;
    this.features = features;
    chain = queue == null ? null : queue.newChain();
  }

  QueuePort queue() {
    return queue;
  }

  void deactivate() {
    queue = null;
    chain = null;
  }

  /** Sends what the driver made available; BLOCKED if the back end cannot take more now. */
  Progress process(boolean linkUp) {
    for (int i = 0; i < PACKETS_PER_CALL; i++) {
      if (!queue.pop(chain)) {
        return Progress.EMPTY;
      }
      if (!sendChain(linkUp)) {
        queue.unpop(chain.headId());
        return Progress.BLOCKED;
      }
      requests.increment();
      queue.complete(chain.headId(), 0);
    }
    return Progress.MORE;
  }

  /** Sends one packet or drops and counts it; false if it must wait. */
  private boolean sendChain(boolean linkUp) {
    long packetBytes = chain.readableBytes() - VirtioNetHeader.BYTES;
    if (chain.writableCount() != 0
        || packetBytes < ETHERNET_HEADER_BYTES
        || packetBytes > PacketBackEnd.FRAME_BYTES_MAX) {
      errors.increment();
      dropped.increment();
      return true;
    }
    chain.copyFromReadable(0, header, 0, VirtioNetHeader.BYTES);
    if (!VirtioNetHeader.isAllowedFromDriver(header, features, packetBytes)) {
      errors.increment();
      dropped.increment();
      return true;
    }
    if (!linkUp) {
      dropped.increment();
      return true;
    }
    packet.clear();
    chain.readableRanges(VirtioNetHeader.BYTES, packetBytes, packetSink);
    switch (backEnd.send(header, packet)) {
      case TAKEN -> {
        frames.increment();
        bytesFromGuest.add(packetBytes);
      }
      case DROPPED -> dropped.increment();
      case LATER -> {
        return false;
      }
    }
    return true;
  }
}
