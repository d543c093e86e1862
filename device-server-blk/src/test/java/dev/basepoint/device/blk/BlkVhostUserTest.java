package dev.basepoint.device.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.server.VhostUserVictim;
import dev.basepoint.ipc.vhostuser.TestFrontEnd;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The blk server under a hostile vhost-user front end. */
class BlkVhostUserTest {
  private static final long MESSAGES = 100_000;
  private static final long CHAINS = 1_000_000;
  private static final long DISK_BYTES = 1 << 20;

  @TempDir private Path directory;

  @Test
  void survivesMalformedMessagesAndChains() throws Exception {
    try (var image = MemFd.create("disk", DISK_BYTES);
        VhostUserVictim victim =
            new VhostUserVictim(
                "dev.basepoint.device.blk.Main",
                directory,
                channel ->
                    new SupervisionRequest.ConfigureBlk(
                        "disk", channel, image, List.of(), false, false, "", 2, 256, 512, true))) {
      victim.survives(
          1,
          attack -> attack.sendMessages(MESSAGES / 10),
          attack -> assertTrue(attack.sendMessages(MESSAGES) > 100));
      victim.survives(
          2,
          attack -> attack.offerChains(2, 1, CHAINS / 10),
          attack -> assertTrue(attack.offerChains(2, 1, CHAINS) > 10));
      assertEquals(DISK_BYTES, MemFd.sizeBytes(image));
      try (TestFrontEnd honest = new TestFrontEnd(UnixSocket.connect(victim.socket()))) {
        honest.startAll(1 << 20, 64, 64);
        byte[] getId = new byte[16];
        getId[0] = 8;
        var done =
            honest.request(1, Buffer.readable(getId), Buffer.writable(20), Buffer.writable(1));
        assertEquals(21, done.usedLength());
        assertEquals(0, done.written()[20]);
      }
    }
  }
}
