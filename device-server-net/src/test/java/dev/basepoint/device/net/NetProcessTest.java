package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.control.SupervisionRequest.NetBackend;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.server.TestServer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The real process, with the test as its launcher, its vmm-main and its network. */
class NetProcessTest {
  private static final String MAIN = "dev.basepoint.device.net.Main";
  private static final int RX = NetFixture.RX;
  private static final int TX = NetFixture.TX;

  private static TestDeviceClient configure(TestServer server, NetBackend backEnd, Fd descriptor)
      throws IOException {
    assertEquals("net", server.hello().role());
    return server.configure(
        channel ->
            new SupervisionRequest.ConfigureNet(
                "net0", channel, descriptor, backEnd, Frames.GUEST_MAC, 1500, 64, true, true));
  }

  private static byte[] echo(TestDeviceClient client, byte[] frame) throws IOException {
    client.guest(RX).submit(Buffer.writable(2000));
    client.publish(RX);
    assertEquals(0, send(client, frame));
    return NetFixture.frameOf(client.await(RX));
  }

  private static long send(TestDeviceClient client, byte[] frame) throws IOException {
    return client.request(TX, Buffer.readable(Frames.withHeader(frame))).usedLength();
  }

  private static boolean nextLinkStatus(TestDeviceClient client) throws InterruptedException {
    DeviceEvent event = client.events().poll(60, TimeUnit.SECONDS);
    return assertInstanceOf(DeviceEvent.ConfigChanged.class, event).config()[6] == 1;
  }

  @Test
  void echoesThroughItsWholeLife() throws Exception {
    try (TestServer server = TestServer.spawn(MAIN, "--warm-up-rounds=2");
        TestDeviceClient client = configure(server, NetBackend.ECHO, null)) {
      DeviceReply.Info info = client.start(1 << 20, 64, 64);
      assertEquals(1, info.virtioDeviceId());
      assertEquals(NetFixture.FEATURES, info.features());
      assertEquals(2, info.queueCount());
      assertArrayEquals(NetConfig.encode(Frames.GUEST_MAC, true, 1500), info.config());
      byte[] ping = Frames.icmpEcho(7, 1, new byte[1400]);
      for (int i = 0; i < 200; i++) {
        assertEquals(ping.length, echo(client, ping).length);
      }
      assertEquals(42, echo(client, Frames.arpRequest(1, 2)).length);

      server.call(new SupervisionRequest.SetLink(false));
      assertEquals(false, nextLinkStatus(client));
      send(client, ping);
      server.call(new SupervisionRequest.SetLink(true));
      assertEquals(true, nextLinkStatus(client));
      assertEquals(ping.length, echo(client, ping).length);
      assertEquals(1, server.counters().get("txDropped"));

      assertEquals(
          List.of(new DeviceReply.Position(RX, 202, 202), new DeviceReply.Position(TX, 203, 203)),
          client.drain());
      client.call(new DeviceRequest.Run());
      assertEquals(ping.length, echo(client, ping).length);
      client.drain();
      client.halt();
      client.activate(info.features() & ~NetFeatures.VIRTIO_NET_F_MRG_RXBUF, 1 << 20, 16, 32);
      client.call(new DeviceRequest.Run());
      assertEquals(ping.length, echo(client, ping).length);
      assertEquals(204, server.counters().get("rxFrames"));
      assertEquals(0, server.counters().get("errors"));
    }
  }

  @Test
  void carriesPacketsToAndFromAStreamSocket() throws Exception {
    UnixSocket[] pair = UnixSocket.pair();
    try (UnixSocket peer = pair[0];
        TestServer server = TestServer.spawn(MAIN);
        TestDeviceClient client = configure(server, NetBackend.STREAM, pair[1].fd())) {
      pair[1].close();
      client.start(1 << 20, 64, 64);
      byte[] out = Frames.numbered(1, 1514);
      send(client, out);
      assertTrue(Poll.await(peer.fd(), Poll.POLLIN, deadline()));
      assertArrayEquals(StreamBackEndTest.framed(out), StreamBackEndTest.take(peer, 4096));

      byte[] in = Frames.numbered(2, 700);
      StreamBackEndTest.send(peer, StreamBackEndTest.framed(in));
      client.guest(RX).submit(Buffer.writable(400));
      client.guest(RX).submit(Buffer.writable(400));
      client.publish(RX);
      assertEquals(400, client.await(RX).usedLength());
      assertEquals(312, client.await(RX).usedLength());

      // A packet that waits for buffers must not hold a drain up, and is not lost in it.
      StreamBackEndTest.send(peer, StreamBackEndTest.framed(in));
      client.guest(RX).submit(Buffer.writable(400));
      client.publish(RX);
      client.drain();
      client.call(new DeviceRequest.Run());
      client.guest(RX).submit(Buffer.writable(400));
      client.publish(RX);
      assertEquals(400, client.await(RX).usedLength());
      assertEquals(312, client.await(RX).usedLength());

      client.guest(RX).submit(Buffer.writable(400));
      client.publish(RX);
      peer.shutdown();
      assertEquals(false, nextLinkStatus(client));
      SupervisionEvent warning = server.events().poll(60, TimeUnit.SECONDS);
      assertNotNull(warning);
      assertTrue(
          assertInstanceOf(SupervisionEvent.Warning.class, warning).text().startsWith("net0: "));
      assertThrows(
          RequestFailedException.class, () -> server.call(new SupervisionRequest.SetLink(true)));
      send(client, out);
      assertEquals(1, server.counters().get("txDropped"));
    }
  }

  @Test
  void itsDeathIsSeenAtOnceByAllPeers() throws Exception {
    UnixSocket[] pair = UnixSocket.pair();
    try (UnixSocket peer = pair[0];
        TestServer server = TestServer.spawn(MAIN);
        TestDeviceClient client = configure(server, NetBackend.STREAM, pair[1].fd())) {
      pair[1].close();
      client.start(1 << 20, 64, 64);
      server.process().signal(Signals.SIGKILL);
      assertInstanceOf(ChannelClosedException.class, client.closed().get(60, TimeUnit.SECONDS));
      assertInstanceOf(ChannelClosedException.class, server.closed().get(60, TimeUnit.SECONDS));
      assertTrue(Poll.await(peer.fd(), Poll.POLLIN, deadline()));
      assertEquals(0, StreamBackEndTest.take(peer, 10).length);
      assertEquals(new ChildProcess.Exit(-1, Signals.SIGKILL), server.awaitExit());
    }
  }

  private static long deadline() {
    return System.nanoTime() + TestServer.GENEROUS.toNanos();
  }
}
