package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A connected stream socket as QEMU's {@code -netdev stream} and passt speak it: each packet stands
 * behind its length.
 *
 * <pre>
 *   0             4             4 + length
 *   +-------------+-------------+-- - -
 *   | length      | packet      | next
 *   | u32 BE      |             |
 *   +-------------+-------------+-- - -
 * </pre>
 *
 * The peer is not trusted: a length that no packet can have ends the connection, since nothing that
 * follows could be told apart.
 */
final class StreamBackEnd implements PacketBackEnd {
  private static final int LENGTH_BYTES = 4;
  private static final int ETHERNET_HEADER_BYTES = 14;
  private static final ValueLayout.OfInt U32_BE =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final Fd socket;
  private final MemorySegment length = Arena.ofAuto().allocate(LENGTH_BYTES, 8);
  private final MemorySegment in = Arena.ofAuto().allocate(256 * 1024);
  private final MemorySegment out = Arena.ofAuto().allocate(LENGTH_BYTES + FRAME_BYTES_MAX);
  private final IovecArray iovecs;
  private int inFrom;
  private int inTo;
  private int outFrom;
  private int outTo;

  /** Nobody reads any more; what the peer sent may still be read. */
  private boolean unwritable;

  /**
   * @param segmentsMax the most memory ranges of a packet
   */
  StreamBackEnd(Fd socket, int segmentsMax) throws IOException {
    this.socket = socket;
    this.iovecs = new IovecArray(segmentsMax + 1);
    socket.setNonBlocking(true);
  }

  @Override
  public Fd fd() {
    return socket;
  }

  @Override
  public long features() {
    return 0;
  }

  @Override
  public void negotiated(long features) {
    // There is nothing to offload to.
  }

  @Override
  public int receive(MemorySegment frame) {
    while (true) {
      int available = inTo - inFrom;
      if (available >= LENGTH_BYTES) {
        int packetBytes = in.get(U32_BE, inFrom);
        if (packetBytes < ETHERNET_HEADER_BYTES || packetBytes > FRAME_BYTES_MAX) {
          return GONE;
        }
        if (available - LENGTH_BYTES >= packetBytes) {
          VirtioNetHeader.clear(frame, 0);
          MemorySegment.copy(in, inFrom + LENGTH_BYTES, frame, VirtioNetHeader.BYTES, packetBytes);
          inFrom += LENGTH_BYTES + packetBytes;
          return VirtioNetHeader.BYTES + packetBytes;
        }
      }
      int filled = fill();
      if (filled <= 0) {
        return filled;
      }
    }
  }

  /** Reads more of the stream; returns a positive number, NOTHING or GONE. */
  private int fill() {
    // Moving the rest to the front leaves room for a packet of any length.
    MemorySegment.copy(in, inFrom, in, 0, inTo - inFrom);
    inTo -= inFrom;
    inFrom = 0;
    long count = Syscalls.read(socket.number(), in, inTo, in.byteSize() - inTo);
    if (count == -Errno.EAGAIN || count == -Errno.EINTR) {
      return NOTHING;
    }
    if (count <= 0) {
      return GONE;
    }
    inTo += (int) count;
    return (int) count;
  }

  @Override
  public Sent send(MemorySegment header, IovecArray packet) {
    if (unwritable) {
      return Sent.DROPPED;
    }
    if (!flushPending()) {
      return Sent.LATER;
    }
    int packetBytes = (int) packet.totalBytes();
    length.set(U32_BE, 0, packetBytes);
    iovecs.clear();
    iovecs.add(length, 0, LENGTH_BYTES);
    iovecs.addAll(packet);
    long count = Syscalls.writev(socket.number(), iovecs);
    if (count == -Errno.EAGAIN || count == -Errno.EINTR) {
      return Sent.LATER;
    }
    if (count < 0) {
      unwritable = true;
      return Sent.DROPPED;
    }
    if (count < LENGTH_BYTES + packetBytes) {
      // The stream would be out of step without the rest of this packet.
      iovecs.consume(count);
      outFrom = 0;
      outTo = (int) iovecs.copyTo(out);
    }
    return Sent.TAKEN;
  }

  @Override
  public boolean flushPending() {
    while (outFrom < outTo) {
      long count = Syscalls.write(socket.number(), out, outFrom, outTo - outFrom);
      if (count == -Errno.EAGAIN || count == -Errno.EINTR) {
        return false;
      }
      if (count < 0) {
        unwritable = true;
        outTo = outFrom;
        return true;
      }
      outFrom += (int) count;
    }
    return true;
  }

  @Override
  public void close() {
    socket.close();
  }
}
