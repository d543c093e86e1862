package dev.basepoint.device.net;

import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_CSUM;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_GUEST_CSUM;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_GUEST_ECN;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_GUEST_TSO4;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_GUEST_TSO6;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_HOST_ECN;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_HOST_TSO4;
import static dev.basepoint.device.net.NetFeatures.VIRTIO_NET_F_HOST_TSO6;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The configuration space and the header, against virtio 1.2 sections 5.1.4 and 5.1.6. */
class NetStructuresTest {
  private static final int PACKET_BYTES = 100;

  @Test
  void configurationHasItsFieldsWhereTheSpecificationHasThem() {
    byte[] mac = {1, 2, 3, 4, 5, 6};
    assertArrayEquals(
        new byte[] {1, 2, 3, 4, 5, 6, 1, 0, 1, 0, (byte) 0xdc, 0x05},
        NetConfig.encode(mac, true, 1500));
    assertArrayEquals(
        new byte[] {1, 2, 3, 4, 5, 6, 0, 0, 1, 0, -1, -1}, NetConfig.encode(mac, false, 65535));
  }

  @ParameterizedTest
  @CsvSource({
    // flags, gso, gsoSize, csumStart, csumOffset, negotiated, allowed
    "0, 0, 0, 0, 0, '', true",
    "0, 0, 0, 65535, 65535, '', true",
    "2, 0, 0, 0, 0, '', true",
    "0xfe, 0, 0, 0, 0, '', true",
    "1, 0, 0, 34, 16, '', false",
    "1, 0, 0, 34, 16, 'C', true",
    "1, 0, 0, 82, 16, 'C', true",
    "1, 0, 0, 83, 16, 'C', false",
    "1, 0, 0, 98, 0, 'C', true",
    "1, 0, 0, 99, 0, 'C', false",
    "1, 0, 0, 65535, 65535, 'C', false",
    "1, 1, 500, 34, 16, 'C4', true",
    "1, 1, 500, 34, 16, 'C6E', false",
    "1, 1, 0, 34, 16, 'C4', false",
    "0, 1, 500, 34, 16, 'C4', false",
    "1, 1, 500, 34, 16, '4', false",
    "1, 4, 500, 34, 16, 'C6', true",
    "1, 4, 500, 34, 16, 'C4E', false",
    "1, 0x81, 500, 34, 16, 'C4E', true",
    "1, 0x81, 500, 34, 16, 'C4', false",
    "1, 0x84, 500, 34, 16, 'C6E', true",
    "1, 0x80, 500, 34, 16, 'C46E', false",
    "1, 3, 500, 34, 16, 'C46E', false",
    "1, 5, 500, 34, 16, 'C46E', false",
    "1, 0x7f, 500, 34, 16, 'C46E', false",
  })
  void driversAskOnlyForWhatWasNegotiatedAndFits(
      String flags, String gso, int gsoSize, int start, int offset, String has, boolean allowed) {
    byte[] header =
        Frames.header(Integer.decode(flags), Integer.decode(gso), 0, gsoSize, start, offset);
    long features =
        (has.contains("C") ? VIRTIO_NET_F_CSUM : 0)
            | (has.contains("4") ? VIRTIO_NET_F_HOST_TSO4 : 0)
            | (has.contains("6") ? VIRTIO_NET_F_HOST_TSO6 : 0)
            | (has.contains("E") ? VIRTIO_NET_F_HOST_ECN : 0);
    assertEquals(
        allowed,
        VirtioNetHeader.isAllowedFromDriver(MemorySegment.ofArray(header), features, PACKET_BYTES));
  }

  @ParameterizedTest
  @CsvSource({
    // flags, gso, negotiated, deliverable, flags left
    "0, 0, '', true, 0",
    "2, 0, '', true, 0",
    "1, 0, '', false, 0",
    "0, 1, '', false, 0",
    "3, 0, 'C', true, 3",
    "0xff, 0, 'C', true, 3",
    "1, 1, 'C', false, 1",
    "1, 1, 'C4', true, 1",
    "1, 4, 'C4', false, 1",
    "1, 4, 'C6', true, 1",
    "1, 0x81, 'C4', false, 1",
    "1, 0x81, 'C4E', true, 1",
  })
  void driversGetOnlyWhatTheyNegotiated(
      String flags, String gso, String has, boolean deliverable, int left) {
    byte[] header = Frames.header(Integer.decode(flags), Integer.decode(gso), 0, 0, 34, 16);
    long features =
        (has.contains("C") ? VIRTIO_NET_F_GUEST_CSUM : 0)
            | (has.contains("4") ? VIRTIO_NET_F_GUEST_TSO4 : 0)
            | (has.contains("6") ? VIRTIO_NET_F_GUEST_TSO6 : 0)
            | (has.contains("E") ? VIRTIO_NET_F_GUEST_ECN : 0);
    MemorySegment segment = MemorySegment.ofArray(header);
    assertEquals(deliverable, VirtioNetHeader.adaptForDriver(segment, features));
    assertEquals(left, segment.get(ValueLayout.JAVA_BYTE, 0));
    if (has.isEmpty()) {
      assertArrayEquals(new byte[VirtioNetHeader.BYTES], header);
    }
  }

  @Test
  void aTapGetsNothingItCouldMisunderstand() {
    byte[] plain = Frames.header(0xfe, 0, 7, 8, 9, 10);
    plain[10] = 3;
    VirtioNetHeader.prepareForTap(MemorySegment.ofArray(plain));
    assertArrayEquals(Frames.header(0, 0, 0, 0, 9, 10), plain);
    byte[] large = Frames.header(0xff, 1, 54, 1448, 34, 16);
    VirtioNetHeader.prepareForTap(MemorySegment.ofArray(large));
    assertArrayEquals(Frames.header(1, 1, 54, 1448, 34, 16), large);
  }
}
