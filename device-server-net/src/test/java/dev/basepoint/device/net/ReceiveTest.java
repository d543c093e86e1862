package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The receive queue over a scripted back end, virtio 1.2 section 5.1.6.3. */
class ReceiveTest {
  private static final long MERGEABLE = NetFixture.FEATURES;
  private static final long PLAIN = MERGEABLE & ~NetFeatures.VIRTIO_NET_F_MRG_RXBUF;
  private static final int NUM_BUFFERS = 10;

  private ScriptedBackEnd backEnd;
  private NetFixture net;

  @BeforeEach
  void make() throws IOException {
    backEnd = new ScriptedBackEnd();
    net = new NetFixture(backEnd, MERGEABLE, 16);
  }

  @AfterEach
  void close() throws IOException {
    net.close();
  }

  private void restart(long features) throws IOException {
    net.frame.reset();
    net.activate(features);
  }

  private void offer(byte[] ethernetFrame) {
    backEnd.offer(Frames.withHeader(ethernetFrame));
  }

  private Completion next() {
    return net.rx().poll().orElseThrow();
  }

  private void assertNothingReceived() {
    assertTrue(net.rx().poll().isEmpty());
  }

  @Test
  void onePacketSpreadsOverTheBuffersItNeeds() throws IOException {
    byte[] packet = Frames.numbered(1, 1000);
    offer(packet);
    net.receiveInto(300, 12, 500, 1, 500, 700);
    byte[] whole = new byte[0];
    for (int bytes : new int[] {300, 12, 500, 1, 199}) {
      Completion done = next();
      assertEquals(bytes, done.usedLength());
      if (whole.length == 0) {
        assertEquals(5, done.written()[NUM_BUFFERS]);
        assertEquals(0, done.written()[NUM_BUFFERS + 1]);
      }
      whole = Frames.withHeader(whole, Arrays.copyOf(done.written(), bytes));
    }
    assertArrayEquals(packet, Arrays.copyOfRange(whole, 12, whole.length));
    assertNothingReceived();
    assertEquals(1, net.frame.count("rxFrames"));
    assertEquals(1000, net.frame.count("bytesToGuest"));
    assertEquals(5, net.frame.count("requests"));
  }

  @Test
  void aPacketWaitsForTheBuffersItLacks() throws IOException {
    byte[] packet = Frames.numbered(2, 100);
    offer(packet);
    offer(Frames.numbered(3, 60));
    net.receiveInto(40, 40);
    assertNothingReceived();
    int calls = backEnd.receiveCalls;
    net.frame.runLoopOnce(0);
    net.frame.runLoopOnce(0);
    assertEquals(calls, backEnd.receiveCalls, "nobody watches the back end");
    assertEquals(1, backEnd.waiting());

    net.receiveInto(200, 200);
    byte[] head = next().written();
    assertEquals(3, head[NUM_BUFFERS]);
    assertArrayEquals(Arrays.copyOf(packet, 28), Arrays.copyOfRange(head, 12, 40));
    assertArrayEquals(Arrays.copyOfRange(packet, 28, 68), next().written());
    Completion tail = next();
    assertEquals(32, tail.usedLength());
    assertArrayEquals(Arrays.copyOfRange(packet, 68, 100), Arrays.copyOf(tail.written(), 32));
    assertArrayEquals(Frames.numbered(3, 60), NetFixture.frameOf(next()));
    assertEquals(0, net.frame.count("rxDropped"));
  }

  @Test
  void buffersOfAnIncompletePacketSurviveADrain() throws IOException {
    offer(Frames.numbered(4, 100));
    net.receiveInto(40, 40);
    assertEquals(2, net.frame.position(NetFixture.RX).inFlight());
    net.device.quiesce();
    assertEquals(0, net.frame.position(NetFixture.RX).inFlight());
    net.device.start();
    net.receiveInto(200);
    assertEquals(3, next().written()[NUM_BUFFERS]);
    next();
    assertEquals(32, next().usedLength());
  }

  @Test
  void aMalformedBufferInTheMiddleCostsOnlyBuffers() throws IOException {
    byte[] packet = Frames.numbered(5, 100);
    offer(packet);
    net.rx().submit(Buffer.writable(40));
    net.rx().submit(Buffer.readable((byte) 1), Buffer.writable(40));
    net.kickRx();
    assertEquals(0, next().usedLength(), "the malformed one");
    assertNothingReceived();
    net.frame.reset();
    assertEquals(0, next().usedLength(), "the one before it, which cannot be put back");
    assertEquals(1, net.frame.count("errors"));
    assertEquals(1, net.frame.count("rxDropped"), "the packet of the activation that has ended");
  }

  @Test
  void aPacketThatAllDescriptorsTogetherCannotHoldIsDropped() throws IOException {
    offer(Frames.numbered(6, 1000));
    offer(Frames.numbered(7, 60));
    int[] small = new int[16];
    Arrays.fill(small, 20);
    net.receiveInto(small);
    assertEquals(1, net.frame.count("rxDropped"));
    assertEquals(4, next().written()[NUM_BUFFERS]);
    assertEquals(1, net.frame.count("rxFrames"));
  }

  @Test
  void withoutMergingATooSmallBufferIsKeptAndThePacketDropped() throws IOException {
    restart(PLAIN);
    offer(Frames.numbered(8, 500));
    offer(Frames.numbered(9, 88));
    net.receiveInto(100);
    Completion done = next();
    assertEquals(100, done.usedLength());
    assertEquals(1, done.written()[NUM_BUFFERS]);
    assertArrayEquals(Frames.numbered(9, 88), NetFixture.frameOf(done));
    assertEquals(1, net.frame.count("rxDropped"));
    assertEquals(1, net.frame.count("rxFrames"));
    assertEquals(0, net.frame.count("errors"));
  }

  @Test
  void buffersThatMakeNoSenseComeBackEmpty() throws IOException {
    offer(Frames.numbered(10, 60));
    net.rx().submit(Buffer.readable((byte) 1));
    net.rx().submit(Buffer.writable(11));
    net.rx().submit(Buffer.readable((byte) 1), Buffer.writable(200));
    net.rx().submit(Buffer.writable(7), Buffer.writable(3), Buffer.writable(100));
    net.kickRx();
    assertEquals(0, next().usedLength());
    assertEquals(0, next().usedLength());
    assertEquals(0, next().usedLength());
    Completion done = next();
    assertEquals(72, done.usedLength());
    assertArrayEquals(Frames.numbered(10, 60), NetFixture.frameOf(done));
    assertEquals(1, done.written()[NUM_BUFFERS]);
    assertEquals(3, net.frame.count("errors"));
  }

  @Test
  void aPacketThatArrivesLaterWakesTheQueueAndOrderIsKept() throws IOException {
    net.receiveInto(200, 200, 200);
    assertNothingReceived();
    for (int i = 0; i < 3; i++) {
      offer(Frames.numbered(i, 60));
    }
    net.frame.runLoopOnce(60_000);
    for (int i = 0; i < 3; i++) {
      assertArrayEquals(Frames.numbered(i, 60), NetFixture.frameOf(next()));
    }
  }

  @Test
  void packetsLongerThanTheMtuAreNotDelivered() throws IOException {
    byte[] tagged = Frames.numbered(1, NetFixture.MTU_BYTES + 18);
    tagged[12] = (byte) 0x81;
    tagged[13] = 0;
    offer(Frames.numbered(1, NetFixture.MTU_BYTES + 15));
    offer(tagged);
    offer(Frames.numbered(2, NetFixture.MTU_BYTES + 14));
    net.receiveInto(2000, 2000, 2000);
    assertArrayEquals(tagged, NetFixture.frameOf(next()));
    assertArrayEquals(Frames.numbered(2, NetFixture.MTU_BYTES + 14), NetFixture.frameOf(next()));
    assertNothingReceived();
    assertEquals(1, net.frame.count("rxDropped"));
  }

  @Test
  void segmentsNeedTheirFeature() throws IOException {
    byte[] header = Frames.header(1, 1, 54, 1448, 34, 16);
    byte[] segment = Frames.withHeader(header, Frames.numbered(1, 20_000));
    backEnd.offer(segment);
    net.receiveInto(30_000);
    assertNothingReceived();
    assertEquals(1, net.frame.count("rxDropped"));
    restart(MERGEABLE | NetFeatures.VIRTIO_NET_F_GUEST_CSUM | NetFeatures.VIRTIO_NET_F_GUEST_TSO4);
    backEnd.offer(segment);
    net.receiveInto(30_000);
    byte[] received = next().written();
    header[NUM_BUFFERS] = 1;
    assertArrayEquals(
        Frames.withHeader(header, Frames.numbered(1, 20_000)), Arrays.copyOf(received, 20_012));
  }

  @Test
  void whatIsNoPacketIsCountedAndSkipped() throws IOException {
    backEnd.offer(new byte[0]);
    offer(Frames.numbered(1, 60));
    net.receiveInto(200);
    assertArrayEquals(Frames.numbered(1, 60), NetFixture.frameOf(next()));
    assertEquals(1, net.frame.count("rxDropped"));
  }

  @Test
  void aLinkThatIsDownDropsAndCounts() throws IOException {
    net.device.setLink(false);
    net.device.setLink(false);
    assertEquals(1, net.frame.configChanges());
    assertEquals(0, net.device.config()[6]);
    net.receiveInto(200);
    offer(Frames.numbered(1, 60));
    net.frame.runLoopOnce(60_000);
    assertNothingReceived();
    assertEquals(1, net.frame.count("rxDropped"));
    net.device.setLink(true);
    assertEquals(2, net.frame.configChanges());
    assertEquals(1, net.device.config()[6]);
    offer(Frames.numbered(2, 60));
    net.frame.runLoopOnce(60_000);
    assertArrayEquals(Frames.numbered(2, 60), NetFixture.frameOf(next()));
  }

  @Test
  void aLinkThatGoesDownGivesAnIncompletePacketsBuffersBack() throws IOException {
    offer(Frames.numbered(1, 100));
    net.receiveInto(40, 40);
    net.device.setLink(false);
    net.receiveInto(40);
    assertEquals(1, net.frame.count("rxDropped"));
    net.device.setLink(true);
    offer(Frames.numbered(2, 88));
    net.frame.runLoopOnce(60_000);
    assertEquals(3, next().written()[NUM_BUFFERS]);
    assertEquals(1, net.frame.count("rxFrames"));
  }

  @Test
  void morePacketsThanOneTurnAllowsComeInOneGo() throws IOException {
    net.close();
    backEnd = new ScriptedBackEnd();
    net = new NetFixture(backEnd, MERGEABLE, 256);
    for (int i = 0; i < 200; i++) {
      offer(Frames.numbered(i, 60));
    }
    int[] buffers = new int[256];
    Arrays.fill(buffers, 100);
    net.receiveInto(buffers);
    while (net.frame.count("rxFrames") < 200) {
      net.frame.runLoopOnce(60_000);
    }
    for (int i = 0; i < 200; i++) {
      assertArrayEquals(Frames.numbered(i, 60), NetFixture.frameOf(next()));
    }
    assertNothingReceived();
  }
}
