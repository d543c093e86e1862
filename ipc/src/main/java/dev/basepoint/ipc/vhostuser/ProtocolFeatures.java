package dev.basepoint.ipc.vhostuser;

/** Protocol feature bits, {@code VHOST_USER_PROTOCOL_F_}, as masks. */
public final class ProtocolFeatures {
  /** GET_QUEUE_NUM tells how many queues there are. */
  public static final long MQ = 1L;

  /** Any request may ask for an acknowledgement. */
  public static final long REPLY_ACK = 1L << 3;

  /** The back end may send requests of its own, over a second socket. */
  public static final long BACKEND_REQ = 1L << 5;

  /** The configuration space is read and written with messages. */
  public static final long CONFIG = 1L << 9;

  /** Requests in flight are tracked in memory that outlives the back end. */
  public static final long INFLIGHT_SHMFD = 1L << 12;

  /** RESET_DEVICE resets the device. */
  public static final long RESET_DEVICE = 1L << 13;

  /** Memory regions are added and removed one by one. */
  public static final long CONFIGURE_MEM_SLOTS = 1L << 15;

  /**
   * The virtio feature bit, {@code VHOST_USER_F_PROTOCOL_FEATURES}, that says that there are
   * protocol features; with it, queues start disabled.
   */
  public static final long VHOST_USER_F_PROTOCOL_FEATURES = 1L << 30;

  private ProtocolFeatures() {}
}
