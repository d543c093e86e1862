package dev.basepoint.device.rng;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.server.Rehearsal;
import dev.basepoint.ipc.server.RehearsalDriver;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import java.io.IOException;

/** Draws entropy that nobody uses. */
final class RngRehearsal implements Rehearsal<SupervisionRequest.ConfigureRng> {
  private static final int REQUEST_BYTES = 64;

  @Override
  public SupervisionRequest.ConfigureRng configuration(Fd channel, int variant) {
    // Fast enough never to wait, so that the rate limit's code is played too.
    return new SupervisionRequest.ConfigureRng("rehearsal", channel, 1L << 40, 4096, 16);
  }

  @Override
  public int queueCount() {
    return 1;
  }

  @Override
  public void request(RehearsalDriver driver) throws IOException {
    DriverQueue queue = driver.queue(0);
    queue.begin();
    queue.add(driver.slotsGpa(), REQUEST_BYTES, true);
    queue.submit();
    driver.roundTrip(0);
  }
}
