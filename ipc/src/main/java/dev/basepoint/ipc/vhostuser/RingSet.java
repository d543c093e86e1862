package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import dev.basepoint.ipc.virtqueue.VirtqUsed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The rings of a session. The device serves all of them or none at a time: whenever the set of
 * rings that can be served changes, it is stopped, which waits for what is in flight, and started
 * with the new set.
 */
final class RingSet {
  /** A ring in a log of dirty pages; VHOST_VRING_F_LOG. */
  private static final int VHOST_VRING_F_LOG = 1;

  private static final long VIRTIO_F_VERSION_1 = 1L << 32;

  private final BackEndDevice device;
  private final SharedMemory memory;
  private final ConfigWrites configWrites;
  private final Vring[] rings;

  /** Indices of the rings that the device serves now; bit by bit, since there are at most 64. */
  private long served;

  RingSet(BackEndDevice device, SharedMemory memory, ConfigWrites configWrites) {
    this.device = device;
    this.memory = memory;
    this.configWrites = configWrites;
    rings = new Vring[device.queueCount()];
    for (int i = 0; i < rings.length; i++) {
      rings[i] = new Vring();
    }
  }

  private Vring ring(int index) throws RequestRefusedException {
    if (index < 0 || index >= rings.length) {
      throw new RequestRefusedException(
          "queue " + Integer.toUnsignedString(index) + " of " + rings.length);
    }
    return rings[index];
  }

  /** As {@link #ring}, for a request whose descriptor nobody else closes. */
  private Vring ring(int index, Fd fd) throws RequestRefusedException {
    try {
      return ring(index);
    } catch (RequestRefusedException e) {
      if (fd != null) {
        fd.close();
      }
      throw e;
    }
  }

  /** A ring that is to be set up anew, and is not served meanwhile. */
  private Vring resting(int index) throws IOException {
    Vring ring = ring(index);
    if (isServed(index)) {
      pause();
    }
    ring.failed = false;
    return ring;
  }

  void setSize(int index, int size) throws IOException {
    Vring ring = resting(index);
    if (!RingAddresses.isQueueSize(size) || size > device.queueSizeMax()) {
      throw new RequestRefusedException(
          "queue size %s; a power of two up to %d can be"
              .formatted(Integer.toUnsignedString(size), device.queueSizeMax()));
    }
    ring.size = size;
  }

  void place(int index, int flags, long descUser, long usedUser, long availUser)
      throws IOException {
    Vring ring = resting(index);
    if ((flags & VHOST_VRING_F_LOG) != 0) {
      throw new RequestRefusedException("dirty pages are not logged; migration is not supported");
    }
    ring.placed = true;
    ring.descUser = descUser;
    ring.availUser = availUser;
    ring.usedUser = usedUser;
  }

  void setBase(int index, int base) throws IOException {
    Vring ring = resting(index);
    if ((base & ~0xffff) != 0) {
      throw new RequestRefusedException("index " + Integer.toUnsignedString(base));
    }
    ring.base = base;
  }

  /** Takes {@code kick} over. */
  void start(int index, Fd kick) throws IOException {
    Vring ring = ring(index, kick);
    if (kick == null) {
      throw new RequestRefusedException("rings are not polled; a kick descriptor is needed");
    }
    resting(index);
    ring.setKick(kick);
    ring.started = true;
  }

  /** Takes {@code call} over. */
  void setCall(int index, Fd call) throws IOException {
    Vring ring = ring(index, call);
    ring.setCall(call);
    if (isServed(index)) {
      device.setCall(index, call);
    }
  }

  /** Takes {@code err} over. */
  void setErr(int index, Fd err) throws IOException {
    Vring ring = ring(index, err);
    if (err != null) {
      err.setNonBlocking(true);
    }
    synchronized (ring) {
      ring.setErr(err);
    }
  }

  void enable(int index, boolean enabled) throws IOException {
    ring(index).enabled = enabled;
  }

  /** Stops a ring; returns where it is to go on. */
  int stop(int index) throws IOException {
    Vring ring = ring(index);
    if (isServed(index)) {
      pause();
    }
    ring.stop();
    return ring.base;
  }

  void stopAll() throws IOException {
    pause();
    for (Vring ring : rings) {
      ring.stop();
      ring.enabled = false;
    }
  }

  /** Something that all rings depend on has changed: those that failed may work now. */
  void retry() {
    for (Vring ring : rings) {
      ring.failed = false;
    }
  }

  private boolean isServed(int index) {
    return (served & 1L << index) != 0;
  }

  /** Lets the device serve nothing until {@link #reconcile}. */
  void pause() throws IOException {
    if (served == 0) {
      return;
    }
    served = 0;
    int[] next = device.stop();
    for (int i = 0; i < rings.length; i++) {
      if (next[i] >= 0) {
        rings[i].base = next[i];
      }
    }
  }

  /**
   * Lets the device serve what it can serve by now.
   *
   * @param inflight or null
   * @throws RequestRefusedException if a ring cannot be served the way it was set up
   */
  void reconcile(long features, InflightRegion inflight) throws IOException {
    long wanted = wanted(features);
    if (wanted == served) {
      return;
    }
    pause();
    if (wanted != 0 && (features & VIRTIO_F_VERSION_1) == 0) {
      throw new RequestRefusedException(failAll(wanted, "VIRTIO_F_VERSION_1 was not negotiated"));
    }
    List<BackEndDevice.Vring> vrings = new ArrayList<>();
    String problem = null;
    long opened = 0;
    for (int i = 0; i < rings.length; i++) {
      if ((wanted & 1L << i) == 0) {
        continue;
      }
      try {
        vrings.add(open(i, inflight));
        opened |= 1L << i;
      } catch (RequestRefusedException e) {
        problem = fail(i, e.getMessage());
      }
    }
    if (!vrings.isEmpty()) {
      try {
        device.start(features, memory.memory(), vrings);
        served = opened;
        configWrites.repeat();
      } catch (RequestRefusedException e) {
        problem = failAll(opened, e.getMessage());
      }
    }
    if (problem != null) {
      throw new RequestRefusedException(problem);
    }
  }

  private String failAll(long indices, String reason) {
    String problem = null;
    for (int i = 0; i < rings.length; i++) {
      if ((indices & 1L << i) != 0) {
        problem = fail(i, reason);
      }
    }
    return problem;
  }

  private String fail(int index, String reason) {
    rings[index].failed = true;
    signalError(index);
    return "queue " + index + ": " + reason;
  }

  /** Tells the front end that a ring cannot be served; safe from any thread. */
  void signalError(int index) {
    Vring ring = rings[index];
    synchronized (ring) {
      if (ring.err != null) {
        EventFd.signal(ring.err);
      }
    }
  }

  private long wanted(long features) {
    if (!memory.isPresent()) {
      return 0;
    }
    boolean alwaysEnabled = (features & ProtocolFeatures.VHOST_USER_F_PROTOCOL_FEATURES) == 0;
    long wanted = 0;
    for (int i = 0; i < rings.length; i++) {
      Vring ring = rings[i];
      if (ring.started
          && (ring.enabled || alwaysEnabled)
          && ring.placed
          && ring.size != 0
          && !ring.failed) {
        wanted |= 1L << i;
      }
    }
    return wanted;
  }

  private BackEndDevice.Vring open(int index, InflightRegion inflight)
      throws RequestRefusedException {
    Vring ring = rings[index];
    GuestMemory space = memory.memory();
    RingAddresses addresses =
        new RingAddresses(ring.size, gpa(ring.descUser), gpa(ring.availUser), gpa(ring.usedUser));
    var refusal = addresses.refusal(space);
    if (refusal.isPresent()) {
      throw new RequestRefusedException(refusal.get().toString());
    }
    int usedIdx = space.readU16(addresses.usedGpa() + VirtqUsed.IDX_OFFSET);
    InflightQueue tracked = inflight == null ? null : inflight.queue(index, ring.size);
    int[] unfinished = tracked == null ? new int[0] : tracked.recover(usedIdx);
    int next;
    if (unfinished.length > 0) {
      next = (usedIdx + unfinished.length) & 0xffff;
    } else if (((ring.base - usedIdx) & 0xffff) <= ring.size) {
      // Chains between the two were taken by a back end that is gone, so they are taken again.
      next = usedIdx;
    } else {
      throw new RequestRefusedException(
          "index " + ring.base + " does not go with " + usedIdx + " in the used ring");
    }
    return new BackEndDevice.Vring(
        index,
        addresses,
        new QueuePosition(next, usedIdx),
        unfinished,
        ring.kick,
        ring.call,
        tracked);
  }

  private long gpa(long userAddress) throws RequestRefusedException {
    return memory
        .gpaOf(userAddress)
        .orElseThrow(
            () ->
                new RequestRefusedException(
                    "address 0x%x is in no memory region".formatted(userAddress)));
  }

  /** Ends the device's service and forgets all rings. */
  void close() throws IOException {
    pause();
    for (Vring ring : rings) {
      synchronized (ring) {
        ring.close();
      }
    }
  }
}
