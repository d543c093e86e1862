package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** A back end that does what the test says; its descriptor is readable after {@link #offer}. */
final class ScriptedBackEnd implements PacketBackEnd {
  final List<byte[]> sentHeaders = new ArrayList<>();
  final List<byte[]> sent = new ArrayList<>();
  Sent answer = Sent.TAKEN;
  boolean peerGone;
  int receiveCalls;

  private final EventFd arrived = EventFd.create();
  private final Deque<byte[]> incoming = new ArrayDeque<>();

  ScriptedBackEnd() throws ErrnoException {}

  /** A packet with its virtio-net header arrives; one of length 0 makes no sense. */
  void offer(byte[] packet) {
    incoming.add(packet);
    arrived.signal();
  }

  int waiting() {
    return incoming.size();
  }

  @Override
  public Fd fd() {
    return arrived.fd();
  }

  @Override
  public long features() {
    return NetFeatures.OFFLOADS;
  }

  @Override
  public void negotiated(long features) {
    // Whatever it was.
  }

  @Override
  public int receive(MemorySegment frame) {
    receiveCalls++;
    byte[] packet = incoming.poll();
    if (packet == null) {
      arrived.drain();
      return peerGone ? GONE : NOTHING;
    }
    MemorySegment.copy(MemorySegment.ofArray(packet), 0, frame, 0, packet.length);
    return packet.length == 0 ? MALFORMED : packet.length;
  }

  @Override
  public Sent send(MemorySegment header, IovecArray packet) {
    if (answer == Sent.TAKEN) {
      MemorySegment copy = MemorySegment.ofArray(new byte[(int) packet.totalBytes()]);
      packet.copyTo(copy);
      sent.add(copy.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
      sentHeaders.add(header.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }
    return answer;
  }

  @Override
  public void close() {
    arrived.close();
  }
}
