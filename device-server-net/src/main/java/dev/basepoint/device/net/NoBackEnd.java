package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.MemorySegment;

/** A cable that leads nowhere: nothing arrives, and what is sent is dropped. */
final class NoBackEnd implements PacketBackEnd {
  @Override
  public Fd fd() {
    return null;
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
    return NOTHING;
  }

  @Override
  public Sent send(MemorySegment header, IovecArray packet) {
    return Sent.DROPPED;
  }

  @Override
  public void close() {
    // Nothing is open.
  }
}
