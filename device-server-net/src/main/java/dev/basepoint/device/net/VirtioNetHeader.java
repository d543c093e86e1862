package dev.basepoint.device.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The header before each packet, struct virtio_net_hdr of virtio 1.2 section 5.1.6.
 *
 * <pre>
 *   0       1          2         4          6            8             10            12 bytes
 *   +-------+----------+---------+----------+------------+-------------+-------------+
 *   | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset | num_buffers |
 *   | u8    | u8       | u16 LE  | u16 LE   | u16 LE     | u16 LE      | u16 LE      |
 *   +-------+----------+---------+----------+------------+-------------+-------------+
 * </pre>
 */
final class VirtioNetHeader {
  static final int BYTES = 12;

  private static final long FLAGS = 0;
  private static final long GSO_TYPE = FLAGS + 1;
  private static final long HDR_LEN = GSO_TYPE + 1;
  private static final long GSO_SIZE = HDR_LEN + 2;
  private static final long CSUM_START = GSO_SIZE + 2;
  private static final long CSUM_OFFSET = CSUM_START + 2;
  static final long NUM_BUFFERS = CSUM_OFFSET + 2;

  private static final int VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
  private static final int VIRTIO_NET_HDR_F_DATA_VALID = 2;
  private static final int VIRTIO_NET_HDR_GSO_NONE = 0;
  private static final int VIRTIO_NET_HDR_GSO_TCPV4 = 1;
  private static final int VIRTIO_NET_HDR_GSO_TCPV6 = 4;
  private static final int VIRTIO_NET_HDR_GSO_ECN = 0x80;

  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;

  private VirtioNetHeader() {}

  /** Makes a header that asks for nothing. */
  static void clear(MemorySegment header, long offset) {
    header.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, 0);
    header.set(ValueLayout.JAVA_INT_UNALIGNED, offset + Long.BYTES, 0);
  }

  /** Whether this is one large segment that stands for several packets. */
  static boolean isSegment(MemorySegment header) {
    return header.get(ValueLayout.JAVA_BYTE, GSO_TYPE) != VIRTIO_NET_HDR_GSO_NONE;
  }

  /**
   * Whether a driver's header asks only for what was negotiated and what fits the packet, section
   * 5.1.6.2.1. A header that does not is the driver's error, and its packet is dropped.
   *
   * @param packetBytes bytes after the header
   */
  static boolean isAllowedFromDriver(MemorySegment header, long features, long packetBytes) {
    int flags = header.get(ValueLayout.JAVA_BYTE, FLAGS);
    boolean needsCsum = (flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
    if (needsCsum) {
      long start = Short.toUnsignedLong(header.get(U16, CSUM_START));
      long field = start + Short.toUnsignedLong(header.get(U16, CSUM_OFFSET));
      if ((features & NetFeatures.VIRTIO_NET_F_CSUM) == 0 || field + 2 > packetBytes) {
        return false;
      }
    }
    return isSegmentationAllowed(
            header,
            features,
            NetFeatures.VIRTIO_NET_F_HOST_TSO4,
            NetFeatures.VIRTIO_NET_F_HOST_TSO6,
            NetFeatures.VIRTIO_NET_F_HOST_ECN)
        && (!isSegment(header) || (needsCsum && header.get(U16, GSO_SIZE) != 0));
  }

  private static boolean isSegmentationAllowed(
      MemorySegment header, long features, long tso4, long tso6, long ecn) {
    int gso = Byte.toUnsignedInt(header.get(ValueLayout.JAVA_BYTE, GSO_TYPE));
    if (gso == VIRTIO_NET_HDR_GSO_NONE) {
      return true;
    }
    if ((gso & VIRTIO_NET_HDR_GSO_ECN) != 0 && (features & ecn) == 0) {
      return false;
    }
    return switch (gso & ~VIRTIO_NET_HDR_GSO_ECN) {
      case VIRTIO_NET_HDR_GSO_TCPV4 -> (features & tso4) != 0;
      case VIRTIO_NET_HDR_GSO_TCPV6 -> (features & tso6) != 0;
      default -> false;
    };
  }

  /**
   * Takes flags out of a back end's header that the driver did not negotiate, section 5.1.6.4.1.
   *
   * @return false if the driver cannot take the packet: it is one that waited in the back end since
   *     a driver was there that had negotiated more
   */
  static boolean adaptForDriver(MemorySegment header, long features) {
    int flags = header.get(ValueLayout.JAVA_BYTE, FLAGS);
    if ((features & NetFeatures.VIRTIO_NET_F_GUEST_CSUM) == 0) {
      boolean incomplete = (flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 || isSegment(header);
      clear(header, 0);
      return !incomplete;
    }
    int known = flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
    header.set(ValueLayout.JAVA_BYTE, FLAGS, (byte) known);
    return isSegmentationAllowed(
        header,
        features,
        NetFeatures.VIRTIO_NET_F_GUEST_TSO4,
        NetFeatures.VIRTIO_NET_F_GUEST_TSO6,
        NetFeatures.VIRTIO_NET_F_GUEST_ECN);
  }

  /** What a TAP gets in place of the driver's num_buffers, which has no meaning there. */
  static void prepareForTap(MemorySegment header) {
    header.set(U16, NUM_BUFFERS, (short) 0);
    int flags = header.get(ValueLayout.JAVA_BYTE, FLAGS) & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.set(ValueLayout.JAVA_BYTE, FLAGS, (byte) flags);
    if (header.get(ValueLayout.JAVA_BYTE, GSO_TYPE) == VIRTIO_NET_HDR_GSO_NONE) {
      header.set(U16, GSO_SIZE, (short) 0);
      if (flags == 0) {
        header.set(U16, HDR_LEN, (short) 0);
      }
    }
  }
}
