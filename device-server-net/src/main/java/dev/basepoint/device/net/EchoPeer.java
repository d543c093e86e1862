package dev.basepoint.device.net;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Answers ARP requests for any address but the asker's, ICMP echo requests (RFC 792) and UDP
 * datagrams to port 7 (RFC 862). Keeps no state; every length is checked against the packet's.
 *
 * <pre>
 *   Ethernet                 IPv4                                     UDP / ICMP
 *   0     6     12    14     14   16     20     23     24   26  30    14 + IHL
 *   +-----+-----+-----+ - -  +----+------+------+------+----+---+---+ +------+------+
 *   | dst | src | type|      |IHL | len  | frag | proto|sum |src|dst| | ports or    |
 *   |     |     |     |      |    |      |      |      |    |   |   | | type, sum   |
 *   +-----+-----+-----+ - -  +----+------+------+------+----+---+---+ +------+------+
 * </pre>
 */
final class EchoPeer {
  /** A locally administered address; bytes 52:55:0a:00:02:02 as a number. */
  private static final long MAC = 0x52550a000202L;

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static final int SOURCE = 6;
  private static final int ETHERTYPE = 12;
  private static final int PAYLOAD = 14;
  private static final int ETHERTYPE_IPV4 = 0x0800;
  private static final int ETHERTYPE_ARP = 0x0806;

  private static final int ARP_BYTES = 28;
  private static final int ARP_ETHERNET_IPV4 = 0x00010800;
  private static final int ARP_LENGTHS = 0x0604;
  private static final int ARP_REQUEST = 1;
  private static final int ARP_REPLY = 2;

  private static final int IPPROTO_ICMP = 1;
  private static final int IPPROTO_UDP = 17;
  private static final int ICMP_ECHO = 8;
  private static final int ICMP_BYTES = 8;
  private static final int UDP_BYTES = 8;
  private static final int UDP_PORT_ECHO = 7;

  /**
   * Turns a packet into its answer, in place.
   *
   * @param packet an Ethernet frame of {@code length} bytes
   * @return the answer's length in bytes, 0 for none
   */
  int answer(MemorySegment packet, int length) {
    if (length < PAYLOAD) {
      return 0;
    }
    return switch (u16(packet, ETHERTYPE)) {
      case ETHERTYPE_ARP -> answerArp(packet, length);
      case ETHERTYPE_IPV4 -> answerIpv4(packet, length);
      default -> 0;
    };
  }

  private static int answerArp(MemorySegment packet, int length) {
    if (length < PAYLOAD + ARP_BYTES
        || packet.get(U32, PAYLOAD) != ARP_ETHERNET_IPV4
        || u16(packet, PAYLOAD + 4) != ARP_LENGTHS
        || u16(packet, PAYLOAD + 6) != ARP_REQUEST) {
      return 0;
    }
    int senderIp = packet.get(U32, PAYLOAD + 14);
    int targetIp = packet.get(U32, PAYLOAD + 24);
    if (senderIp == targetIp) {
      return 0;
    }
    packet.set(U16, PAYLOAD + 6, (short) ARP_REPLY);
    MemorySegment.copy(packet, PAYLOAD + 8, packet, PAYLOAD + 18, 6);
    packet.set(U32, PAYLOAD + 24, senderIp);
    setMac(packet, PAYLOAD + 8);
    packet.set(U32, PAYLOAD + 14, targetIp);
    turnAround(packet);
    return PAYLOAD + ARP_BYTES;
  }

  private static int answerIpv4(MemorySegment packet, int length) {
    int headerBytes = (packet.get(ValueLayout.JAVA_BYTE, PAYLOAD) & 0x0f) * 4;
    if (length < PAYLOAD + 20
        || (packet.get(ValueLayout.JAVA_BYTE, PAYLOAD) & 0xf0) != 0x40
        || headerBytes < 20) {
      return 0;
    }
    int totalBytes = u16(packet, PAYLOAD + 2);
    boolean fragment = (u16(packet, PAYLOAD + 6) & 0x3fff) != 0;
    if (fragment || totalBytes > length - PAYLOAD || totalBytes < headerBytes) {
      return 0;
    }
    int body = PAYLOAD + headerBytes;
    int bodyBytes = totalBytes - headerBytes;
    boolean answered =
        switch (packet.get(ValueLayout.JAVA_BYTE, PAYLOAD + 9)) {
          case IPPROTO_ICMP -> answerIcmp(packet, body, bodyBytes);
          case IPPROTO_UDP -> answerUdp(packet, body, bodyBytes);
          default -> false;
        };
    if (!answered) {
      return 0;
    }
    // Exchanging the addresses leaves the header's checksum as it is.
    int source = packet.get(U32, PAYLOAD + 12);
    packet.set(U32, PAYLOAD + 12, packet.get(U32, PAYLOAD + 16));
    packet.set(U32, PAYLOAD + 16, source);
    turnAround(packet);
    return PAYLOAD + totalBytes;
  }

  private static boolean answerIcmp(MemorySegment packet, int body, int bodyBytes) {
    if (bodyBytes < ICMP_BYTES || u16(packet, body) != ICMP_ECHO << 8) {
      return false;
    }
    packet.set(U16, body, (short) 0);
    // RFC 1624: the message lost ICMP_ECHO << 8, so the complement's sum gains it.
    int sum = u16(packet, body + 2) + (ICMP_ECHO << 8);
    packet.set(U16, body + 2, (short) ((sum & 0xffff) + (sum >>> 16)));
    return true;
  }

  private static boolean answerUdp(MemorySegment packet, int body, int bodyBytes) {
    if (bodyBytes < UDP_BYTES
        || u16(packet, body + 2) != UDP_PORT_ECHO
        || u16(packet, body + 4) != bodyBytes) {
      return false;
    }
    // Exchanging addresses and ports leaves the checksum as it is.
    packet.set(U16, body + 2, packet.get(U16, body));
    packet.set(U16, body, (short) UDP_PORT_ECHO);
    return true;
  }

  private static void turnAround(MemorySegment packet) {
    MemorySegment.copy(packet, SOURCE, packet, 0, 6);
    setMac(packet, SOURCE);
  }

  private static void setMac(MemorySegment packet, long offset) {
    packet.set(U16, offset, (short) (MAC >>> 32));
    packet.set(U32, offset + 2, (int) MAC);
  }

  private static int u16(MemorySegment packet, long offset) {
    return Short.toUnsignedInt(packet.get(U16, offset));
  }
}
