package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Opens a TAP interface (Documentation/networking/tuntap.rst) with a virtio-net header before each
 * packet.
 *
 * <pre>
 *   struct ifreq
 *   0                16      18                        40 bytes
 *   +----------------+-------+-------------------------+
 *   | ifr_name       | flags | unused here             |
 *   +----------------+-------+-------------------------+
 * </pre>
 */
public final class TapDevice {
  private static final long TUNSETIFF = 0x400454ca;
  private static final long TUNSETVNETHDRSZ = 0x400454d8;
  private static final int IFF_TAP = 0x0002;
  private static final int IFF_NO_PI = 0x1000;
  private static final int IFF_VNET_HDR = 0x4000;
  private static final int IFNAMSIZ = 16;
  private static final int IFREQ_BYTES = 40;

  /** struct virtio_net_hdr_mrg_rxbuf, virtio 1.2 section 5.1.6. */
  private static final int VNET_HEADER_BYTES = 12;

  private TapDevice() {}

  /**
   * Attaches to interface {@code name} in the calling thread's network namespace, creating it if it
   * does not exist and the caller may.
   *
   * @throws ErrnoException EPERM without CAP_NET_ADMIN, EBUSY if another process holds the
   *     interface
   */
  public static Fd open(String name) throws ErrnoException {
    byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
    if (bytes.length == 0 || bytes.length >= IFNAMSIZ) {
      throw new ErrnoException("TAP name '" + name + "' is not 1 to 15 bytes long", Errno.EINVAL);
    }
    Fd tap = OpenFile.open("/dev/net/tun", OpenFile.O_RDWR | OpenFile.O_NONBLOCK);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ifreq = arena.allocate(IFREQ_BYTES, 8);
      MemorySegment.copy(bytes, 0, ifreq, ValueLayout.JAVA_BYTE, 0, bytes.length);
      ifreq.set(ValueLayout.JAVA_SHORT, IFNAMSIZ, (short) (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR));
      ErrnoException.check(Syscalls.ioctl(tap.number(), TUNSETIFF, ifreq), "TUNSETIFF " + name);
      MemorySegment headerBytes = arena.allocate(ValueLayout.JAVA_INT);
      headerBytes.set(ValueLayout.JAVA_INT, 0, VNET_HEADER_BYTES);
      ErrnoException.check(
          Syscalls.ioctl(tap.number(), TUNSETVNETHDRSZ, headerBytes), "TUNSETVNETHDRSZ " + name);
      return tap;
    } catch (ErrnoException e) {
      tap.close();
      throw e;
    }
  }
}
