package dev.basepoint.device.net;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.server.DeviceRole;
import dev.basepoint.ipc.server.DeviceServer;

/** The process of role "net": a network device, virtio 1.2 section 5.1. */
public final class Main {
  static final DeviceRole<SupervisionRequest.ConfigureNet> ROLE =
      new DeviceRole<>("net", SupervisionRequest.ConfigureNet.class, NetDevice::create)
          .rehearsedBy(new NetRehearsal());

  private Main() {}

  /** Started by the launcher, with the supervision channel as descriptor 3. */
  public static void main(String[] args) {
    DeviceServer.run(ROLE, args);
  }
}
