package dev.basepoint.device.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.server.VhostUserVictim;
import dev.basepoint.ipc.vhostuser.TestFrontEnd;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The net server under a hostile vhost-user front end. */
class NetVhostUserTest {
  private static final long MESSAGES = 100_000;
  private static final long CHAINS = 1_000_000;

  @TempDir private Path directory;

  @Test
  void survivesMalformedMessagesAndChains() throws Exception {
    try (VhostUserVictim victim =
        new VhostUserVictim(
            "dev.basepoint.device.net.Main",
            directory,
            channel ->
                new SupervisionRequest.ConfigureNet(
                    "net0",
                    channel,
                    null,
                    SupervisionRequest.NetBackend.ECHO,
                    Frames.GUEST_MAC,
                    1500,
                    256,
                    true,
                    true))) {
      victim.survives(
          1,
          attack -> attack.sendMessages(MESSAGES / 10),
          attack -> assertTrue(attack.sendMessages(MESSAGES) > 100));
      // The receive queue has the same reader; what it does with packets is attacked elsewhere.
      victim.survives(
          2,
          attack -> attack.offerChains(2, 1, CHAINS / 10),
          attack -> assertTrue(attack.offerChains(2, 1, CHAINS) > 10));
      try (TestFrontEnd honest = new TestFrontEnd(UnixSocket.connect(victim.socket()))) {
        honest.startAll(1 << 20, 64, 64);
        honest.guest(0).submit(Buffer.writable(2000));
        honest.publish(0);
        byte[] ping = Frames.icmpEcho(1, 2, new byte[56]);
        honest.request(1, Buffer.readable(Frames.withHeader(ping)));
        assertEquals(ping.length, NetFixture.frameOf(honest.await(0)).length);
      }
    }
  }
}
