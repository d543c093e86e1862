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
    implements DeviceSpec {
  /** The same interface under another address. */
  public NetSpec withMac(MacAddress otherMac) {
    return new NetSpec(name, otherMac, mtuBytes, queueSize, offloads, linkUp, backend);
  }

  /**
   * The same interface to a guest that has agreed on its features already, connected to something
   * else: a back end that has offloads does not offer them if the present one has none.
   */
  public NetSpec withBackend(NetBackend otherBackend) {
    return new NetSpec(name, mac, mtuBytes, queueSize, hasOffloads(), linkUp, otherBackend);
  }

  /** Whether the guest is offered offloads. */
  public boolean hasOffloads() {
    return offloads && backend instanceof NetBackend.Tap;
  }
}
