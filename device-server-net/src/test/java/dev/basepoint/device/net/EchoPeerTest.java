package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Answers of the built-in peer, byte by byte. */
class EchoPeerTest {
  private static final int IP = Frames.ETHERNET_BYTES;
  private static final int BODY = IP + Frames.IP_BYTES;

  private final EchoPeer peer = new EchoPeer();

  private byte[] answer(byte[] frame) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment packet = arena.allocate(PacketBackEnd.FRAME_BYTES_MAX);
      MemorySegment.copy(MemorySegment.ofArray(frame), 0, packet, 0, frame.length);
      int length = peer.answer(packet, frame.length);
      return packet.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private void assertUnanswered(String why, byte[] frame) {
    assertEquals(0, answer(frame).length, why);
  }

  private static byte[] changed(byte[] frame, int offset, int value) {
    byte[] copy = frame.clone();
    copy[offset] = (byte) value;
    return copy;
  }

  private static byte[] part(byte[] bytes, int from, int length) {
    return Arrays.copyOfRange(bytes, from, from + length);
  }

  private static void assertTurnedAround(byte[] answer) {
    assertArrayEquals(Frames.GUEST_MAC, part(answer, 0, 6));
    assertArrayEquals(Frames.PEER_MAC, part(answer, 6, 6));
  }

  @Test
  void anyAddressButTheAskersHasItsMac() {
    byte[] answer = answer(Frames.arpRequest(Frames.GUEST_IP, 0x0a0000fe));
    assertEquals(42, answer.length);
    assertTurnedAround(answer);
    ByteBuffer arp = ByteBuffer.wrap(answer, IP, 28);
    assertEquals(0x00010800, arp.getInt());
    assertEquals(0x0604, arp.getShort());
    assertEquals(2, arp.getShort());
    assertArrayEquals(Frames.PEER_MAC, part(answer, IP + 8, 6));
    assertEquals(0x0a0000fe, ByteBuffer.wrap(answer).getInt(IP + 14));
    assertArrayEquals(Frames.GUEST_MAC, part(answer, IP + 18, 6));
    assertEquals(Frames.GUEST_IP, ByteBuffer.wrap(answer).getInt(IP + 24));
    assertUnanswered("a probe for its own", Frames.arpRequest(Frames.GUEST_IP, Frames.GUEST_IP));
  }

  @Test
  void arpThatIsNoRequestGetsNoAnswer() {
    byte[] request = Frames.arpRequest(Frames.GUEST_IP, Frames.PEER_IP);
    assertUnanswered("truncated", Arrays.copyOf(request, 41));
    assertUnanswered("hardware type", changed(request, IP + 1, 6));
    assertUnanswered("protocol type", changed(request, IP + 3, 1));
    assertUnanswered("hardware length", changed(request, IP + 4, 8));
    assertUnanswered("protocol length", changed(request, IP + 5, 16));
    assertUnanswered("a reply", changed(request, IP + 7, 2));
    assertEquals(42, answer(Arrays.copyOf(request, 60)).length, "padding is not answered");
  }

  @Test
  void pingsComeBackWithARightChecksum() {
    Random random = new Random(7);
    for (int i = 0; i < 2000; i++) {
      byte[] payload = new byte[i % 5 == 0 ? 0 : random.nextInt(1473)];
      if (i % 3 != 0) {
        random.nextBytes(payload);
      }
      byte[] request = Frames.icmpEcho(i % 7 == 0 ? 0 : i, i % 11 == 0 ? 0 : i, payload);
      byte[] answer = answer(request);
      assertEquals(request.length, answer.length);
      assertTurnedAround(answer);
      assertEquals(0, answer[BODY], "type");
      assertEquals(0xffff, Frames.onesComplementSum(answer, BODY, answer.length - BODY));
      assertEquals(0xffff, Frames.onesComplementSum(answer, IP, Frames.IP_BYTES));
      assertEquals(Frames.PEER_IP, ByteBuffer.wrap(answer).getInt(IP + 12));
      assertEquals(Frames.GUEST_IP, ByteBuffer.wrap(answer).getInt(IP + 16));
      assertArrayEquals(
          part(request, BODY + 4, request.length - BODY - 4),
          part(answer, BODY + 4, answer.length - BODY - 4));
    }
  }

  @Test
  void datagramsToPort7ComeBack() {
    byte[] request = Frames.udp(40_000, 7, new byte[] {1, 2, 3, 4, 5});
    byte[] answer = answer(Arrays.copyOf(request, 60));
    assertEquals(request.length, answer.length, "without the padding");
    assertTurnedAround(answer);
    ByteBuffer datagram = ByteBuffer.wrap(answer).position(BODY);
    assertEquals(7, datagram.getShort());
    assertEquals(40_000, Short.toUnsignedInt(datagram.getShort()));
    byte[] body = part(answer, BODY, answer.length - BODY);
    assertEquals(0xffff, Frames.udpSum(Frames.PEER_IP, Frames.GUEST_IP, body));
    assertUnanswered("port 9", Frames.udp(40_000, 9, new byte[5]));
    assertUnanswered("length", changed(request, BODY + 5, 14));
    assertUnanswered("no header", Frames.ipv4(17, 0, new byte[7]));
  }

  @Test
  void optionsAreSkippedAndReturned() {
    byte[] echo = part(Frames.icmpEcho(1, 2, new byte[9]), BODY, 17);
    byte[] request = Frames.ipv4(1, 40, echo);
    byte[] answer = answer(request);
    assertEquals(request.length, answer.length);
    assertEquals(0xffff, Frames.onesComplementSum(answer, BODY + 40, 17));
    assertEquals(0xffff, Frames.onesComplementSum(answer, IP, 60));
  }

  @Test
  void ipv4ThatMakesNoSenseGetsNoAnswer() {
    byte[] request = Frames.icmpEcho(1, 2, new byte[30]);
    for (int length = 0; length < request.length; length++) {
      assertUnanswered("truncated to " + length, Arrays.copyOf(request, length));
    }
    assertUnanswered("version 6", changed(request, IP, 0x65));
    assertUnanswered("header of 16 bytes", changed(request, IP, 0x44));
    assertUnanswered("header past the packet", changed(Frames.ipv4(1, 0, new byte[0]), IP, 0x4f));
    assertUnanswered("total below the header", changed(request, IP + 3, 19));
    assertUnanswered("total past the packet", changed(request, IP + 3, request[IP + 3] + 1));
    assertUnanswered("more fragments", changed(request, IP + 6, 0x20));
    assertUnanswered("fragment offset", changed(request, IP + 7, 1));
    assertUnanswered("TCP", changed(request, IP + 9, 6));
    assertUnanswered("ICMP reply", changed(request, BODY, 0));
    assertUnanswered("ICMP code", changed(request, BODY + 1, 1));
    assertUnanswered("IPv6", changed(request, 12, 0x86));
    assertEquals(
        request.length, answer(changed(request, IP + 6, 0x40)).length, "don't fragment is fine");
  }
}
