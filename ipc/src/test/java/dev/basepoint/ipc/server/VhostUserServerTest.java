package dev.basepoint.ipc.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.vhostuser.BackEndReply;
import dev.basepoint.ipc.vhostuser.FrontEndRequest;
import dev.basepoint.ipc.vhostuser.ProtocolFeatures;
import dev.basepoint.ipc.vhostuser.SharedRegion;
import dev.basepoint.ipc.vhostuser.TestFrontEnd;
import dev.basepoint.ipc.vhostuser.VhostUserChannel;
import dev.basepoint.ipc.vhostuser.VhostUserCodec;
import dev.basepoint.ipc.vhostuser.VhostUserFrame;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole server in this process behind a vhost-user socket, with the test as its front end. */
class VhostUserServerTest {
  private static final long HEAP_BYTES = 1 << 20;

  @TempDir private Path directory;
  private TestServer server;
  private Path socket;

  @BeforeEach
  void listen() throws Exception {
    server = TestServer.inProcess(EchoDevice.ROLE);
    server.hello();
    socket = directory.resolve("s");
    try (Fd listener = UnixSocket.listen(socket.toString())) {
      server.call(
          new SupervisionRequest.ConfigureVhostUser(
              new SupervisionRequest.ConfigureRng("dev0", listener, 0, 64, 64), true));
    }
  }

  @AfterEach
  void end() throws Exception {
    server.close();
  }

  private TestFrontEnd connect() throws IOException {
    return new TestFrontEnd(UnixSocket.connect(socket.toString()));
  }

  private static void assertEchoes(TestFrontEnd frontEnd, int queue) throws IOException {
    Completion done = frontEnd.request(queue, Buffer.readable((byte) 1, (byte) 2), writable());
    assertEquals(2, done.usedLength());
    assertArrayEquals(new byte[] {1, 2, 0, 0}, done.written());
  }

  private static Buffer writable() {
    return Buffer.writable(4);
  }

  @Test
  void servesSeveralQueuesInSeveralRegions() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      frontEnd.negotiate();
      assertEquals(2, frontEnd.askValue(new FrontEndRequest.GetQueueNum()));
      frontEnd.tell(
          new FrontEndRequest.SetFeatures(frontEnd.features() & ~EchoDevice.FEATURE_HOLD));
      frontEnd.share(HEAP_BYTES, 16, 64);
      frontEnd.start(0, 0);
      assertEchoes(frontEnd, 0);
      // A second ring joins while the first is served.
      frontEnd.start(1, 0);
      for (int i = 0; i < 200; i++) {
        assertEchoes(frontEnd, i % 2);
      }
      assertEquals(100, frontEnd.stop(1));
      assertEchoes(frontEnd, 0);
      assertEquals(102, frontEnd.stop(0));
      assertEquals(102, frontEnd.stop(0), "a stopped ring stays where it is");
    }
  }

  @Test
  void goesOnInTheSameSessionAndInTheNext() throws Exception {
    for (int i = 0; i < 3; i++) {
      try (TestFrontEnd frontEnd = connect()) {
        echoing(frontEnd);
        for (int restart = 0; restart < 3; restart++) {
          assertEchoes(frontEnd, 0);
          assertEquals(1, frontEnd.stop(0));
          frontEnd.resetDrivers();
          frontEnd.start(0, 0);
        }
        assertEchoes(frontEnd, 0);
      }
    }
  }

  private static void echoing(TestFrontEnd frontEnd) throws IOException {
    frontEnd.negotiate();
    frontEnd.tell(new FrontEndRequest.SetFeatures(frontEnd.features() & ~EchoDevice.FEATURE_HOLD));
    frontEnd.share(HEAP_BYTES, 16);
    frontEnd.start(0, 0);
  }

  @Test
  void aDisabledRingRests() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      echoing(frontEnd);
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetVringEnable(0, false)));
      frontEnd.guest(0).submit(Buffer.readable((byte) 1), writable());
      frontEnd.guest(0).publish();
      frontEnd.kick(0).signal();
      frontEnd.askValue(new FrontEndRequest.GetFeatures());
      assertTrue(frontEnd.guest(0).poll().isEmpty());
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetVringEnable(0, true)));
      assertEquals(1, frontEnd.await(0).usedLength());
    }
  }

  /** A stop waits for what is in flight, and then says where to go on. */
  @Test
  void stoppingWaitsForRequestsInFlight() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      frontEnd.startAll(HEAP_BYTES, 16);
      frontEnd.guest(0).submit(Buffer.readable((byte) 1), writable());
      frontEnd.publish(0);
      assertEquals(1, frontEnd.stop(0));
      assertTrue(frontEnd.guest(0).poll().isPresent(), "completed before the stop was answered");
    }
  }

  /** The requests of a server that was killed are served again by the next one. */
  @Test
  void trackedRequestsAreServedAgain() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      frontEnd.negotiate();
      BackEndReply.Inflight made =
          (BackEndReply.Inflight) frontEnd.ask(new FrontEndRequest.GetInflightFd(1, 16));
      try (Fd memory = made.memory()) {
        FrontEndRequest.SetInflightFd handOver =
            new FrontEndRequest.SetInflightFd(made.sizeBytes(), 0, 1, 16, memory);
        frontEnd.share(HEAP_BYTES, 16);
        // As a killed server leaves it: three taken, the second completed and published.
        frontEnd.guest(0).submit(Buffer.readable((byte) 'a'), writable());
        frontEnd.guest(0).submit(Buffer.readable((byte) 'b'), writable());
        frontEnd.guest(0).submit(Buffer.readable((byte) 'c'), writable());
        frontEnd.guest(0).publish();
        try (dev.basepoint.ipc.linux.Mapping region =
            dev.basepoint.ipc.linux.Mapping.shared(memory, 0, made.sizeBytes(), true)) {
          var bytes = region.segment();
          bytes.set(java.lang.foreign.ValueLayout.JAVA_SHORT, 8, (short) 1);
          for (int head = 0; head < 6; head += 2) {
            bytes.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 16 + head * 16L, (byte) 1);
            bytes.set(java.lang.foreign.ValueLayout.JAVA_LONG, 24 + head * 16L, head);
          }
          assertEquals(0, frontEnd.tell(handOver));
          // Held in the device again, in their order, until released.
          frontEnd.start(0, 3);
          frontEnd.guest(0).submit(Buffer.readable(EchoDevice.RELEASE), writable());
          frontEnd.publish(0);
          byte[] order = new byte[4];
          for (int i = 0; i < order.length; i++) {
            order[i] = frontEnd.await(0).written()[0];
          }
          assertArrayEquals(new byte[] {EchoDevice.RELEASE, 'a', 'b', 'c'}, order);
          assertEquals(0, bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 16), "closed again");
        }
        assertEquals(4, frontEnd.stop(0));
      }
    }
  }

  @Test
  void theCallCanBeReplacedWhileTheRingIsServed() throws Exception {
    try (TestFrontEnd frontEnd = connect();
        EventFd other = EventFd.create()) {
      echoing(frontEnd);
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetVringCall(0, other.fd())));
      assertEchoesOnRing(frontEnd, other);
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetVringCall(0, null)));
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetVringCall(0, other.fd())));
      assertEchoesOnRing(frontEnd, other);
    }
  }

  private static void assertEchoesOnRing(TestFrontEnd frontEnd, EventFd call) throws IOException {
    frontEnd.guest(0).submit(Buffer.readable((byte) 1), writable());
    frontEnd.publish(0);
    long deadline = System.nanoTime() + TestFrontEnd.GENEROUS.toNanos();
    while (frontEnd.guest(0).poll().isEmpty()) {
      if (!frontEnd.guest(0).enableCalls()) {
        assertTrue(Poll.await(call.fd(), Poll.POLLIN, deadline), "no call");
        call.drain();
      }
    }
  }

  @Test
  void memoryCanBeAddedAndTakenAwayPieceByPiece() throws Exception {
    try (TestFrontEnd frontEnd = connect();
        Fd more = MemFd.create("more", 1 << 20)) {
      echoing(frontEnd);
      assertTrue(frontEnd.askValue(new FrontEndRequest.GetMaxMemSlots()) >= 32);
      SharedRegion region = new SharedRegion(1L << 40, 1 << 20, 1L << 40, 0, more);
      assertEquals(0, frontEnd.tell(new FrontEndRequest.AddMemReg(region)));
      assertEchoes(frontEnd, 0);
      assertEquals(1, frontEnd.tell(new FrontEndRequest.AddMemReg(region)), "it overlaps itself");
      assertEchoes(frontEnd, 0);
      assertEquals(0, frontEnd.tell(new FrontEndRequest.RemMemReg(withoutFd(region))));
      assertEquals(1, frontEnd.tell(new FrontEndRequest.RemMemReg(withoutFd(region))));
      assertEchoes(frontEnd, 0);
    }
  }

  private static SharedRegion withoutFd(SharedRegion region) {
    return new SharedRegion(
        region.baseGpa(), region.sizeBytes(), region.userAddress(), region.mmapOffset(), null);
  }

  @Test
  void memoryThatMakesNoSenseIsRefused() throws Exception {
    try (TestFrontEnd frontEnd = connect();
        Fd file = MemFd.create("memory", 1 << 20);
        EventFd noFile = EventFd.create()) {
      frontEnd.negotiate();
      long gpa = 1L << 32;
      long user = 1L << 40;
      for (SharedRegion region :
          List.of(
              new SharedRegion(gpa, 0, user, 0, file),
              new SharedRegion(gpa, -4096, user, 0, file),
              new SharedRegion(gpa, (1 << 20) + 1, user, 0, file),
              new SharedRegion(gpa, 1 << 20, user, 4096, file),
              new SharedRegion(gpa, 4096, user, -4096, file),
              new SharedRegion(gpa, 4096, user, Long.MAX_VALUE - 4095, file),
              new SharedRegion(-4095, 1 << 20, user, 0, file),
              new SharedRegion(gpa, 1 << 20, -4096, 0, file),
              new SharedRegion(gpa, 4096, user, 0, noFile.fd()))) {
        assertEquals(
            1, frontEnd.tell(new FrontEndRequest.SetMemTable(List.of(region))), region.toString());
      }
      SharedRegion good = new SharedRegion(gpa, 1 << 20, user, 0, file);
      assertEquals(1, frontEnd.tell(new FrontEndRequest.SetMemTable(List.of(good, good))));
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetMemTable(List.of(good))));
    }
  }

  @Test
  void ringsThatMakeNoSenseAreRefusedAndTheDriverCanTryAgain() throws Exception {
    try (TestFrontEnd frontEnd = connect();
        EventFd err = EventFd.create()) {
      echoing(frontEnd);
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetVringErr(0, err.fd())));
      FrontEndRequest.SetVringAddr good = frontEnd.address(0);
      long outside = good.descUser() - 4096;
      for (FrontEndRequest request :
          List.of(
              new FrontEndRequest.SetVringNum(0, 0),
              new FrontEndRequest.SetVringNum(0, 48),
              new FrontEndRequest.SetVringNum(0, 128),
              new FrontEndRequest.SetVringNum(7, 16),
              new FrontEndRequest.SetVringBase(0, 0x10000),
              new FrontEndRequest.SetVringBase(-1, 0),
              new FrontEndRequest.SetVringAddr(
                  0, 1, good.descUser(), good.usedUser(), good.availUser(), 0),
              new FrontEndRequest.SetVringKick(0, null),
              new FrontEndRequest.SetFeatures(-1))) {
        assertEquals(1, frontEnd.tell(request), request.toString());
      }
      assertEquals(
          1,
          frontEnd.tell(
              new FrontEndRequest.SetVringAddr(
                  0, 0, outside, good.usedUser(), good.availUser(), 0)));
      assertEquals(1, err.drain(), "the ring's error descriptor tells it too");
      assertEquals(
          1,
          frontEnd.tell(
              new FrontEndRequest.SetVringAddr(
                  0, 0, good.descUser(), good.usedUser() + 1, good.availUser(), 0)));
      assertEquals(0, frontEnd.tell(good));
      assertEchoes(frontEnd, 0);
    }
  }

  @Test
  void aBrokenRingIsReportedAndServedAgainAfterAReset() throws Exception {
    try (TestFrontEnd frontEnd = connect();
        EventFd err = EventFd.create()) {
      echoing(frontEnd);
      frontEnd.tell(new FrontEndRequest.SetVringErr(0, err.fd()));
      long availIdx = frontEnd.ring(0).availGpa() + 2;
      frontEnd.memory().writeU16(availIdx, 1000);
      frontEnd.kick(0).signal();
      assertTrue(
          Poll.await(err.fd(), Poll.POLLIN, System.nanoTime() + TestFrontEnd.GENEROUS.toNanos()));
      assertWarning("AVAIL_INDEX_JUMP");
      assertEquals(0, frontEnd.stop(0));
      frontEnd.resetDrivers();
      frontEnd.start(0, 0);
      assertEchoes(frontEnd, 0);
    }
  }

  private void assertWarning(String part) throws InterruptedException {
    SupervisionEvent event = server.events().poll(60, TimeUnit.SECONDS);
    assertTrue(String.valueOf(event).contains(part), String.valueOf(event));
  }

  @Test
  void whatIsNotSupportedIsRefusedByName() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      frontEnd.negotiate();
      long offered = frontEnd.askValue(new FrontEndRequest.GetProtocolFeatures());
      assertEquals(0, offered & 1L << 1, "LOG_SHMFD");
      assertEquals(0, frontEnd.features() & 1L << 26, "VHOST_F_LOG_ALL");
      assertEquals(1, frontEnd.tell(new FrontEndRequest.SetProtocolFeatures(offered | 1L << 1)));
      VhostUserFrame setLogBase =
          new VhostUserFrame(
              6, VhostUserFrame.VERSION | VhostUserFrame.NEED_REPLY, new byte[16], List.of());
      frontEnd.channel().send(setLogBase);
      VhostUserFrame answer =
          frontEnd.channel().receive(System.nanoTime() + TestFrontEnd.GENEROUS.toNanos());
      assertEquals(1, answer.payload()[0]);
    }
    assertWarning("protocol features 0x2 were not offered");
    assertWarning("request 6 is not supported");
  }

  @Test
  void withoutAcknowledgementsARefusalEndsTheConnection() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      frontEnd.channel().send(VhostUserCodec.encode(new FrontEndRequest.SetFeatures(-1), false));
      assertNull(frontEnd.channel().receive(System.nanoTime() + TestFrontEnd.GENEROUS.toNanos()));
    }
    try (TestFrontEnd frontEnd = connect()) {
      echoing(frontEnd);
      assertEchoes(frontEnd, 0);
    }
  }

  @Test
  void theConfigurationSpaceIsReadAndWritten() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      echoing(frontEnd);
      assertArrayEquals(new byte[] {1, 2, 3, 4, 0, 0}, config(frontEnd, 0, 6));
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetConfig(1, false, new byte[] {8, 9})));
      assertArrayEquals(new byte[] {8, 9, 4}, config(frontEnd, 1, 3));
      assertEquals(1, frontEnd.tell(new FrontEndRequest.SetConfig(3, false, new byte[] {8, 9})));
      assertEquals(1, frontEnd.tell(new FrontEndRequest.SetConfig(0, true, new byte[] {8})));
      assertEquals(0, config(frontEnd, 300, 1).length, "no bytes means no");
      assertEquals(0, config(frontEnd, 0, 0x7fff_ffff).length);
    }
  }

  private static byte[] config(TestFrontEnd frontEnd, int offset, int sizeBytes)
      throws IOException {
    VhostUserFrame request = VhostUserCodec.encode(new FrontEndRequest.GetConfig(offset, 0), false);
    byte[] payload = request.payload().clone();
    java.nio.ByteBuffer.wrap(payload).order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(4, sizeBytes);
    frontEnd
        .channel()
        .send(new VhostUserFrame(request.request(), request.flags(), payload, List.of()));
    VhostUserFrame answer =
        frontEnd.channel().receive(System.nanoTime() + TestFrontEnd.GENEROUS.toNanos());
    return ((BackEndReply.Config)
            VhostUserCodec.decodeReply(dev.basepoint.ipc.vhostuser.RequestCode.GET_CONFIG, answer))
        .data();
  }

  @Test
  void aChangedConfigurationIsAnnounced() throws Exception {
    UnixSocket[] pair = UnixSocket.pair();
    try (TestFrontEnd frontEnd = connect();
        VhostUserChannel requests = new VhostUserChannel(pair[0], Duration.ofSeconds(60));
        Fd end = pair[1].fd()) {
      frontEnd.negotiate();
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetBackendReqFd(end)));
      server.call(new SupervisionRequest.SetLink(false));
      VhostUserFrame request =
          requests.receive(System.nanoTime() + TestFrontEnd.GENEROUS.toNanos());
      assertEquals(2, request.request(), "VHOST_USER_BACKEND_CONFIG_CHANGE_MSG");
    }
  }

  @Test
  void aDeviceThatCannotBeActivatedRefusesItsRing() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      frontEnd.negotiate();
      frontEnd.share(HEAP_BYTES, 16, 16);
      // The echo device cannot do without queue 0.
      assertThrows(AssertionError.class, () -> frontEnd.start(1, 0));
      assertEquals(0, frontEnd.tell(new FrontEndRequest.ResetDevice()));
      assertEquals(0, frontEnd.tell(new FrontEndRequest.SetFeatures(frontEnd.features())));
      frontEnd.start(0, 0);
    }
  }

  @Test
  void onlyOneFrontEndIsServedAtATime() throws Exception {
    try (TestFrontEnd first = connect();
        TestFrontEnd second = connect()) {
      echoing(first);
      assertEchoes(first, 0);
      first.hangUp();
      echoing(second);
      assertEchoes(second, 0);
    }
  }

  @Test
  void protocolFeaturesAreThoseOfTheDocument() throws Exception {
    try (TestFrontEnd frontEnd = connect()) {
      long offered = frontEnd.askValue(new FrontEndRequest.GetProtocolFeatures());
      assertEquals(
          ProtocolFeatures.MQ
              | ProtocolFeatures.REPLY_ACK
              | ProtocolFeatures.BACKEND_REQ
              | ProtocolFeatures.CONFIG
              | ProtocolFeatures.INFLIGHT_SHMFD
              | ProtocolFeatures.RESET_DEVICE
              | ProtocolFeatures.CONFIGURE_MEM_SLOTS,
          offered);
      assertNotEquals(
          0,
          frontEnd.askValue(new FrontEndRequest.GetFeatures())
              & ProtocolFeatures.VHOST_USER_F_PROTOCOL_FEATURES);
    }
  }
}
