package dev.basepoint.device.rng;

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

/** The rng server under a hostile vhost-user front end. */
class RngVhostUserTest {
  private static final long MESSAGES = 100_000;
  private static final long CHAINS = 1_000_000;

  @TempDir private Path directory;

  @Test
  void survivesMalformedMessagesAndChains() throws Exception {
    try (VhostUserVictim victim =
        new VhostUserVictim(
            "dev.basepoint.device.rng.Main",
            directory,
            channel -> new SupervisionRequest.ConfigureRng("rng0", channel, 0, 4096, 256))) {
      victim.survives(
          1,
          attack -> attack.sendMessages(MESSAGES / 10),
          attack -> assertTrue(attack.sendMessages(MESSAGES) > 100));
      victim.survives(
          2,
          attack -> attack.offerChains(1, 0, CHAINS / 10),
          attack -> assertTrue(attack.offerChains(1, 0, CHAINS) > 10));
      try (TestFrontEnd honest = new TestFrontEnd(UnixSocket.connect(victim.socket()))) {
        honest.startAll(1 << 20, 64);
        assertEquals(32, honest.request(0, Buffer.writable(32)).usedLength());
      }
    }
  }
}
