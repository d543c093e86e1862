package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The transmit queue over a scripted back end, virtio 1.2 section 5.1.6.2. */
class TransmitTest {
  private ScriptedBackEnd backEnd;
  private NetFixture net;

  @BeforeEach
  void make() throws IOException {
    backEnd = new ScriptedBackEnd();
    net = new NetFixture(backEnd, NetFixture.FEATURES, 64);
  }

  @AfterEach
  void close() throws IOException {
    net.close();
  }

  private static byte[] part(byte[] bytes, int from, int to) {
    return Arrays.copyOfRange(bytes, from, to);
  }

  @Test
  void headerAndFrameMayBeSplitAnywhere() throws IOException {
    byte[] frame = Frames.numbered(1, 120);
    byte[] all = Frames.withHeader(frame);
    for (int cut = 0; cut <= all.length; cut++) {
      net.tx()
          .submit(
              Buffer.readable(part(all, 0, cut / 2)),
              Buffer.readable(part(all, cut / 2, cut)),
              Buffer.readable(part(all, cut, all.length)));
      net.kickTx();
      assertEquals(0, net.tx().poll().orElseThrow().usedLength());
      assertArrayEquals(frame, backEnd.sent.removeLast(), "cut at " + cut);
    }
    Buffer[] single = new Buffer[all.length];
    for (int i = 0; i < all.length; i++) {
      single[i] = Buffer.readable(all[i]);
    }
    net.tx().submit(Arrays.copyOf(single, 60));
    net.kickTx();
    assertArrayEquals(part(frame, 0, 48), backEnd.sent.removeLast());
    assertEquals(0, net.frame.count("errors"));
    assertEquals(all.length + 2, net.frame.count("txFrames"));
    assertEquals((all.length + 1) * 120L + 48, net.frame.count("bytesFromGuest"));
  }

  @Test
  void chainsThatAreNoPacketAreDroppedAndCounted() throws IOException {
    byte[] frame = Frames.withHeader(Frames.numbered(1, 60));
    net.tx().submit(Buffer.readable(frame), Buffer.writable(10));
    net.tx().submit(Buffer.writable(100));
    net.tx().submit(Buffer.readable(new byte[5]));
    net.tx().submit(Buffer.readable(new byte[12]));
    net.tx().submit(Buffer.readable(new byte[12 + 13]));
    net.tx().submit(Buffer.readable(new byte[12 + PacketBackEnd.FRAME_BYTES_MAX + 1]));
    net.tx().submit(Buffer.readable(Frames.withHeader(Frames.header(1, 0, 0, 0, 34, 16), frame)));
    net.tx().submit(Buffer.readable(frame));
    net.kickTx();
    for (int i = 0; i < 8; i++) {
      assertEquals(0, net.tx().poll().orElseThrow().usedLength());
    }
    assertEquals(1, backEnd.sent.size());
    assertEquals(7, net.frame.count("errors"));
    assertEquals(7, net.frame.count("txDropped"));
    assertEquals(8, net.frame.count("requests"));
  }

  @Test
  void theShortestAndTheLongestFrameGoOut() throws IOException {
    net.send(Frames.numbered(0, 14));
    net.send(Frames.numbered(1, PacketBackEnd.FRAME_BYTES_MAX));
    assertEquals(
        List.of(14, PacketBackEnd.FRAME_BYTES_MAX),
        backEnd.sent.stream().map(sent -> sent.length).toList());
  }

  @Test
  void oneKickSendsAllThatIsThere() throws IOException {
    for (int i = 0; i < 64; i++) {
      net.tx().submit(Buffer.readable(Frames.withHeader(Frames.numbered(i, 60))));
    }
    net.kickTx();
    for (int i = 0; i < 64; i++) {
      assertEquals(0, net.tx().poll().orElseThrow().usedLength());
      assertArrayEquals(Frames.numbered(i, 60), backEnd.sent.get(i));
    }
  }

  @Test
  void aBackEndThatIsFullKeepsPacketsInTheRingAndTheirOrder() throws IOException {
    backEnd.answer = PacketBackEnd.Sent.LATER;
    for (int i = 0; i < 10; i++) {
      net.tx().submit(Buffer.readable(Frames.withHeader(Frames.numbered(i, 60))));
    }
    net.tx().publish();
    net.frame.kickAndKeep(NetFixture.TX);
    assertTrue(net.tx().poll().isEmpty());
    backEnd.answer = PacketBackEnd.Sent.TAKEN;
    net.frame.runLoopOnce(60_000);
    for (int i = 0; i < 10; i++) {
      assertEquals(0, net.tx().poll().orElseThrow().usedLength());
      assertArrayEquals(Frames.numbered(i, 60), backEnd.sent.get(i));
    }
    assertEquals(0, net.frame.count("txDropped"));
  }

  @Test
  void whatTheBackEndRefusesOrALinkThatIsDownIsCounted() throws IOException {
    backEnd.answer = PacketBackEnd.Sent.DROPPED;
    net.send(Frames.numbered(1, 60));
    backEnd.answer = PacketBackEnd.Sent.TAKEN;
    net.device.setLink(false);
    net.send(Frames.numbered(2, 60));
    assertEquals(2, net.frame.count("txDropped"));
    assertEquals(0, net.frame.count("errors"));
    assertEquals(0, backEnd.sent.size());
  }

  @Test
  void aLostBackEndFreesThePacketsThatWaitForIt() throws IOException {
    backEnd.answer = PacketBackEnd.Sent.LATER;
    net.tx().submit(Buffer.readable(Frames.withHeader(Frames.numbered(1, 60))));
    net.kickTx();
    assertTrue(net.tx().poll().isEmpty());
    backEnd.peerGone = true;
    net.receiveInto(200);
    net.frame.runLoopOnce(0);
    assertEquals(0, net.tx().poll().orElseThrow().usedLength());
    assertEquals(1, net.frame.count("txDropped"));
    assertEquals(1, net.frame.configChanges());
    assertEquals(1, net.frame.warnings().size());
    assertThrows(IOException.class, () -> net.device.setLink(true));
    // A driver that comes later finds a device whose link is down.
    net.frame.reset();
    net.activate(NetFixture.FEATURES);
    net.send(Frames.numbered(2, 60));
    assertEquals(2, net.frame.count("txDropped"));
  }
}
