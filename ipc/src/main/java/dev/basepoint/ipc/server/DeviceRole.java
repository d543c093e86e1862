package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.SupervisionRequest;

/**
 * A kind of device server.
 *
 * @param name the role's name, as the launcher knows it: "blk", "net", "rng"
 * @param configuration the one configuration message the role understands
 * @param factory makes the device from it
 */
public record DeviceRole<C extends SupervisionRequest.ConfigureDevice>(
    String name, Class<C> configuration, DeviceFactory<C> factory) {}
