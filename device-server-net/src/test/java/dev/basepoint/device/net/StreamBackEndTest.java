package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The device over a stream socket whose other end is the test. */
class StreamBackEndTest {
  private UnixSocket peer;
  private NetFixture net;
  private final ByteArrayOutputStream received = new ByteArrayOutputStream();

  @BeforeEach
  void make() throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    peer = pair[0];
    net = new NetFixture(new StreamBackEnd(pair[1].fd(), 512), NetFixture.FEATURES, 256);
  }

  @AfterEach
  void close() throws IOException {
    net.close();
    peer.close();
  }

  static byte[] framed(byte[] frame) {
    return ByteBuffer.allocate(4 + frame.length).putInt(frame.length).put(frame).array();
  }

  /** Sends all of it; the test keeps below what the socket holds. */
  static void send(UnixSocket peer, byte[] bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
      assertEquals(bytes.length, peer.send(data, 0, bytes.length, List.of()));
    }
  }

  /** Takes what has arrived, at most {@code most} bytes. */
  static byte[] take(UnixSocket peer, int most) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(most);
      long count = peer.receive(data, 0, most, new ArrayList<>());
      assertTrue(count >= 0 || count == -Errno.EAGAIN, "receive: " + count);
      return data.asSlice(0, Math.max(0, count)).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private void offerBuffers(int count) throws IOException {
    int[] buffers = new int[count];
    Arrays.fill(buffers, 1600);
    net.receiveInto(buffers);
  }

  private byte[] nextFrame() {
    return NetFixture.frameOf(net.rx().poll().orElseThrow());
  }

  private void runUntilGone() throws IOException {
    while (net.frame.warnings().isEmpty()) {
      net.frame.runLoopOnce(60_000);
    }
  }

  private void assertLinkIsLost() {
    assertEquals(1, net.frame.configChanges());
    assertEquals(1, net.frame.warnings().size());
    assertEquals(0, net.device.config()[6]);
  }

  @Test
  void packetsArriveHoweverTheStreamIsCut() throws IOException {
    offerBuffers(3);
    byte[] both = Frames.withHeader(framed(Frames.numbered(1, 50)), framed(Frames.numbered(2, 14)));
    for (byte b : both) {
      send(peer, new byte[] {b});
      net.frame.runLoopOnce(60_000);
    }
    assertArrayEquals(Frames.numbered(1, 50), nextFrame());
    assertArrayEquals(Frames.numbered(2, 14), nextFrame());
    send(peer, Arrays.copyOf(both, 60));
    net.frame.runLoopOnce(60_000);
    assertArrayEquals(Frames.numbered(1, 50), nextFrame());
    assertTrue(net.rx().poll().isEmpty());
    assertEquals(0, net.frame.count("rxDropped"));
  }

  @Test
  void packetsStandBehindTheirLength() throws IOException {
    net.send(Frames.numbered(1, 60));
    net.send(Frames.numbered(2, PacketBackEnd.FRAME_BYTES_MAX));
    byte[] expected =
        Frames.withHeader(
            framed(Frames.numbered(1, 60)),
            framed(Frames.numbered(2, PacketBackEnd.FRAME_BYTES_MAX)));
    assertArrayEquals(expected, take(peer, 100_000));
  }

  @Test
  void aFullSocketLosesAndReordersNothing() throws IOException {
    int packets = 3000;
    int sent = 0;
    int returned = 0;
    boolean wasFull = false;
    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    while (returned < packets) {
      while (sent < packets && net.tx().hasRoomFor(1)) {
        byte[] frame = Frames.numbered(sent, 60 + (sent * 37) % 1455);
        expected.writeBytes(framed(frame));
        net.tx().submit(Buffer.readable(Frames.withHeader(frame)));
        sent++;
      }
      net.kickTx();
      int before = returned;
      while (net.tx().poll().isPresent()) {
        returned++;
      }
      if (returned == before) {
        wasFull = true;
        // Odd amounts, so that packets leave in pieces.
        received.writeBytes(take(peer, 7919));
        net.frame.runLoopOnce(0);
      }
    }
    while (received.size() < expected.size()) {
      byte[] more = take(peer, 65536);
      received.writeBytes(more);
      if (more.length == 0) {
        net.frame.runLoopOnce(60_000);
      }
    }
    assertTrue(wasFull, "the socket never was full");
    assertArrayEquals(expected.toByteArray(), received.toByteArray());
    assertEquals(packets, net.frame.count("txFrames"));
    assertEquals(0, net.frame.count("txDropped"));
  }

  @Test
  void aLengthThatNoPacketHasEndsTheLink() throws IOException {
    for (int length : new int[] {0, 13, PacketBackEnd.FRAME_BYTES_MAX + 1, -1, 1 << 31}) {
      close();
      make();
      offerBuffers(2);
      send(peer, framed(Frames.numbered(1, 60)));
      send(peer, ByteBuffer.allocate(8).putInt(length).putInt(0).array());
      runUntilGone();
      assertArrayEquals(Frames.numbered(1, 60), nextFrame());
      assertTrue(net.rx().poll().isEmpty());
      assertLinkIsLost();
      assertTrue(Poll.await(peer.fd(), Poll.POLLIN, System.nanoTime() + 60_000_000_000L));
      net.send(Frames.numbered(2, 60));
      assertEquals(1, net.frame.count("txDropped"));
    }
  }

  @Test
  void whatThePeerSentBeforeItWentIsDelivered() throws IOException {
    for (int i = 0; i < 150; i++) {
      send(peer, framed(Frames.numbered(i, 60)));
    }
    peer.close();
    net.send(Frames.numbered(0, 60));
    offerBuffers(40);
    offerBuffers(160);
    runUntilGone();
    for (int i = 0; i < 150; i++) {
      assertArrayEquals(Frames.numbered(i, 60), nextFrame(), "packet " + i);
    }
    assertEquals(1, net.frame.count("txDropped"));
    assertLinkIsLost();
  }

  @Test
  void aPeerThatGoesWhileTheSocketIsFullHoldsNothingUp() throws IOException {
    offerBuffers(4);
    while (net.tx().hasRoomFor(1)) {
      net.tx().submit(Buffer.readable(Frames.withHeader(Frames.numbered(0, 1514))));
    }
    net.kickTx();
    int returned = 0;
    while (net.tx().poll().isPresent()) {
      returned++;
    }
    assertTrue(returned < 256, "the socket took all of it");
    peer.close();
    runUntilGone();
    for (int turn = 0; turn < 10 && returned < 256; turn++) {
      while (net.tx().poll().isPresent()) {
        returned++;
      }
      if (returned < 256) {
        net.frame.runLoopOnce(10_000);
      }
    }
    assertEquals(256, returned);
    assertEquals(256, net.frame.count("txFrames") + net.frame.count("txDropped"));
    assertLinkIsLost();
  }
}
