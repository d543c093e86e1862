package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A peer inside the device server, for guests that need somebody to talk to and hosts where nothing
 * may leave the sandbox. Answers wait in a bounded ring; those that do not fit are dropped.
 */
final class EchoBackEnd implements PacketBackEnd {
  private static final int ANSWERS_MAX = 256;

  private final EventFd arrived = EventFd.create();
  private final EchoPeer peer = new EchoPeer();
  private final int slotBytes;
  private final MemorySegment packet;
  private final MemorySegment slots;
  private final int[] lengths = new int[ANSWERS_MAX];
  private int head;
  private int count;

  /**
   * @param frameBytesMax the longest Ethernet frame that the device's MTU allows
   */
  EchoBackEnd(int frameBytesMax) throws ErrnoException {
    slotBytes = frameBytesMax;
    packet = Arena.ofAuto().allocate(FRAME_BYTES_MAX);
    slots = Arena.ofAuto().allocate((long) slotBytes * ANSWERS_MAX);
  }

  @Override
  public Fd fd() {
    return arrived.fd();
  }

  @Override
  public long features() {
    return 0;
  }

  @Override
  public void negotiated(long features) {
    // Nothing depends on it.
  }

  @Override
  public int receive(MemorySegment frame) {
    if (count == 0) {
      arrived.drain();
      return NOTHING;
    }
    int length = lengths[head];
    VirtioNetHeader.clear(frame, 0);
    MemorySegment.copy(slots, (long) head * slotBytes, frame, VirtioNetHeader.BYTES, length);
    head = (head + 1) % ANSWERS_MAX;
    count--;
    return VirtioNetHeader.BYTES + length;
  }

  @Override
  public Sent send(MemorySegment header, IovecArray iovecs) {
    int length = (int) iovecs.copyTo(packet);
    if (length > slotBytes) {
      return Sent.DROPPED;
    }
    int answerBytes = peer.answer(packet, length);
    if (answerBytes == 0) {
      return Sent.TAKEN;
    }
    if (count == ANSWERS_MAX) {
      return Sent.DROPPED;
    }
    int slot = (head + count) % ANSWERS_MAX;
    MemorySegment.copy(packet, 0, slots, (long) slot * slotBytes, answerBytes);
    lengths[slot] = answerBytes;
    count++;
    if (count == 1) {
      arrived.signal();
    }
    return Sent.TAKEN;
  }

  @Override
  public void close() {
    arrived.close();
  }
}
