package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;
import java.util.Optional;

/**
 * A kind of device server.
 *
 * @param name the role's name, as the launcher knows it: "blk", "net", "rng"
 * @param configuration the one configuration message the role understands
 * @param factory makes the device from it
 * @param rehearsal plays the role through before it is needed, if the role can be warmed up
 */
public record DeviceRole<C extends SupervisionRequest.ConfigureDevice>(
    String name,
    Class<C> configuration,
    DeviceFactory<C> factory,
    Optional<Rehearsal<C>> rehearsal) {

  /** A role that cannot be warmed up. */
  public DeviceRole(String name, Class<C> configuration, DeviceFactory<C> factory) {
    this(name, configuration, factory, Optional.empty());
  }

  /** The same role with a rehearsal. */
  public DeviceRole<C> rehearsedBy(Rehearsal<C> howTo) {
    return new DeviceRole<>(name, configuration, factory, Optional.of(howTo));
  }
}
