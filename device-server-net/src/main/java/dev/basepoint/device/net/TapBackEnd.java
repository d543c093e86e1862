package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A TAP interface, opened by the launcher with a 12-byte virtio-net header before each packet
 * (Documentation/networking/tuntap.rst).
 */
final class TapBackEnd implements PacketBackEnd {
  private static final long TUNSETOFFLOAD = 0x400454d0;
  private static final int TUN_F_CSUM = 0x01;
  private static final int TUN_F_TSO4 = 0x02;
  private static final int TUN_F_TSO6 = 0x04;
  private static final int TUN_F_TSO_ECN = 0x08;

  private final Fd tap;
  private final boolean offloads;
  private final IovecArray iovecs;

  /**
   * @param segmentsMax the most memory ranges of a packet
   */
  TapBackEnd(Fd tap, boolean offloads, int segmentsMax) throws IOException {
    this.tap = tap;
    this.offloads = offloads;
    this.iovecs = new IovecArray(segmentsMax + 1);
    tap.setNonBlocking(true);
    setOffloads(0);
  }

  @Override
  public Fd fd() {
    return tap;
  }

  @Override
  public long features() {
    return offloads ? NetFeatures.OFFLOADS : 0;
  }

  @Override
  public void negotiated(long features) throws IOException {
    int flags = 0;
    if ((features & NetFeatures.VIRTIO_NET_F_GUEST_CSUM) != 0) {
      flags |= TUN_F_CSUM;
      flags |= (features & NetFeatures.VIRTIO_NET_F_GUEST_TSO4) != 0 ? TUN_F_TSO4 : 0;
      flags |= (features & NetFeatures.VIRTIO_NET_F_GUEST_TSO6) != 0 ? TUN_F_TSO6 : 0;
      boolean segments = (flags & (TUN_F_TSO4 | TUN_F_TSO6)) != 0;
      boolean ecn = (features & NetFeatures.VIRTIO_NET_F_GUEST_ECN) != 0;
      flags |= segments && ecn ? TUN_F_TSO_ECN : 0;
    }
    setOffloads(flags);
  }

  private void setOffloads(int flags) throws IOException {
    ErrnoException.check(Syscalls.ioctl(tap.number(), TUNSETOFFLOAD, flags), "TUNSETOFFLOAD");
  }

  @Override
  public int receive(MemorySegment frame) {
    long count = Syscalls.read(tap.number(), frame);
    if (count > VirtioNetHeader.BYTES) {
      return (int) count;
    }
    if (count == -Errno.EAGAIN || count == -Errno.EINTR) {
      return NOTHING;
    }
    return count >= 0 ? MALFORMED : GONE;
  }

  @Override
  public Sent send(MemorySegment header, IovecArray packet) {
    VirtioNetHeader.prepareForTap(header);
    iovecs.clear();
    iovecs.add(header, 0, VirtioNetHeader.BYTES);
    iovecs.addAll(packet);
    long count = Syscalls.writev(tap.number(), iovecs);
    if (count == -Errno.EAGAIN || count == -Errno.EINTR) {
      return Sent.LATER;
    }
    // An interface that is down answers EIO, a packet that makes no sense EINVAL.
    return count < 0 ? Sent.DROPPED : Sent.TAKEN;
  }

  @Override
  public void close() {
    tap.close();
  }
}
