package dev.basepoint.launcher.manifest;

/**
 * A virtio-net interface.
 *
 * @param name unique in its VM
 * @param mac the guest's address, unique in its VM
 * @param mtuBytes announced to the guest (VIRTIO_NET_F_MTU)
 * @param queueSize entries of the receive and of the transmit queue, a power of two
 * @param offloads checksum and segmentation offloads are offered where the back end has them
 * @param linkUp the link status that the guest sees at first
 * @param backend what the interface is connected to
 */
public record NetSpec(
    String name,
    MacAddress mac,
    int mtuBytes,
    int queueSize,
    boolean offloads,
    boolean linkUp,
    NetBackend backend)
    implements DeviceSpec {}
