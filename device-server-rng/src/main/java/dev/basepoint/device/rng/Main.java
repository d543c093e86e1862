package dev.basepoint.device.rng;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.server.DeviceRole;
import dev.basepoint.ipc.server.DeviceServer;

/** The process of role "rng": an entropy device, virtio 1.2 section 5.4. */
public final class Main {
  static final DeviceRole<SupervisionRequest.ConfigureRng> ROLE =
      new DeviceRole<>("rng", SupervisionRequest.ConfigureRng.class, RngDevice::new)
          .rehearsedBy(new RngRehearsal());

  private Main() {}

  /** Started by the launcher, with the supervision channel as descriptor 3. */
  public static void main(String[] args) {
    DeviceServer.run(ROLE, args);
  }
}
