package dev.basepoint.device.net;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** Ethernet frames as the tests send them, and checksums by the book. */
final class Frames {
  static final byte[] GUEST_MAC = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
  static final byte[] PEER_MAC = {0x52, 0x55, 0x0a, 0, 2, 2};
  static final int GUEST_IP = 0x0a00020f;
  static final int PEER_IP = 0x0a000202;
  static final int ETHERNET_BYTES = 14;
  static final int IP_BYTES = 20;

  private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};

  private Frames() {}

  static byte[] arpRequest(int senderIp, int targetIp) {
    return ByteBuffer.allocate(42)
        .put(BROADCAST)
        .put(GUEST_MAC)
        .putShort((short) 0x0806)
        .putInt(0x00010800)
        .putShort((short) 0x0604)
        .putShort((short) 1)
        .put(GUEST_MAC)
        .putInt(senderIp)
        .put(new byte[6])
        .putInt(targetIp)
        .array();
  }

  /** An IPv4 packet with {@code optionBytes} of options. */
  static byte[] ipv4(int protocol, int optionBytes, byte[] body) {
    int headerBytes = IP_BYTES + optionBytes;
    ByteBuffer frame = ByteBuffer.allocate(ETHERNET_BYTES + headerBytes + body.length);
    frame.put(PEER_MAC).put(GUEST_MAC).putShort((short) 0x0800);
    frame.put((byte) (0x40 | headerBytes / 4)).put((byte) 0);
    frame.putShort((short) (headerBytes + body.length));
    frame.putInt(0).put((byte) 64).put((byte) protocol).putShort((short) 0);
    frame.putInt(GUEST_IP).putInt(PEER_IP).put(new byte[optionBytes]).put(body);
    frame.putShort(24, (short) ~onesComplementSum(frame.array(), ETHERNET_BYTES, headerBytes));
    return frame.array();
  }

  static byte[] icmpEcho(int identifier, int sequence, byte[] payload) {
    ByteBuffer body = ByteBuffer.allocate(8 + payload.length);
    body.put((byte) 8).put((byte) 0).putShort((short) 0);
    body.putShort((short) identifier).putShort((short) sequence).put(payload);
    body.putShort(2, (short) ~onesComplementSum(body.array(), 0, body.capacity()));
    return ipv4(1, 0, body.array());
  }

  static byte[] udp(int fromPort, int toPort, byte[] payload) {
    ByteBuffer body = ByteBuffer.allocate(8 + payload.length);
    body.putShort((short) fromPort).putShort((short) toPort);
    body.putShort((short) (8 + payload.length)).putShort((short) 0).put(payload);
    body.putShort(6, (short) ~udpSum(GUEST_IP, PEER_IP, body.array()));
    return ipv4(17, 0, body.array());
  }

  /** The sum over a datagram and its pseudo header; 0xffff if its checksum is right. */
  static int udpSum(int source, int destination, byte[] datagram) {
    byte[] all =
        ByteBuffer.allocate(12 + datagram.length)
            .putInt(source)
            .putInt(destination)
            .putShort((short) 17)
            .putShort((short) datagram.length)
            .put(datagram)
            .array();
    return onesComplementSum(all, 0, all.length);
  }

  /** RFC 1071. */
  static int onesComplementSum(byte[] bytes, int from, int length) {
    long sum = 0;
    for (int i = 0; i < length; i++) {
      int value = Byte.toUnsignedInt(bytes[from + i]);
      sum += i % 2 == 0 ? value << 8 : value;
    }
    while (sum >> 16 != 0) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return (int) sum;
  }

  /** A frame of {@code length} bytes with a number in it, of no protocol that anybody answers. */
  static byte[] numbered(int number, int length) {
    byte[] frame = new byte[length];
    for (int i = 18; i < length; i++) {
      frame[i] = (byte) (number + i);
    }
    ByteBuffer.wrap(frame).put(PEER_MAC).put(GUEST_MAC).putShort((short) 0x88b5);
    if (length >= 18) {
      ByteBuffer.wrap(frame).putInt(14, number);
    }
    return frame;
  }

  /** A virtio-net header that asks for nothing, and the frame. */
  static byte[] withHeader(byte[] frame) {
    return withHeader(new byte[VirtioNetHeader.BYTES], frame);
  }

  static byte[] withHeader(byte[] header, byte[] frame) {
    byte[] both = Arrays.copyOf(header, header.length + frame.length);
    System.arraycopy(frame, 0, both, header.length, frame.length);
    return both;
  }

  /** The fields of struct virtio_net_hdr. */
  static byte[] header(int flags, int gso, int hdrLen, int gsoSize, int start, int offset) {
    return ByteBuffer.allocate(VirtioNetHeader.BYTES)
        .order(java.nio.ByteOrder.LITTLE_ENDIAN)
        .put((byte) flags)
        .put((byte) gso)
        .putShort((short) hdrLen)
        .putShort((short) gsoSize)
        .putShort((short) start)
        .putShort((short) offset)
        .array();
  }
}
