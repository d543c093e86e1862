package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;
import java.io.IOException;

/** Makes a role's device from what the launcher configured. */
@FunctionalInterface
public interface DeviceFactory<C extends SupervisionRequest.ConfigureDevice> {
  /**
   * Makes the device. It owns the configuration's descriptors except the device channel.
   *
   * @throws IOException if the back end cannot be used; the message says why in one sentence
   */
  VirtioDevice create(C configuration, DeviceHost host) throws IOException;
}
