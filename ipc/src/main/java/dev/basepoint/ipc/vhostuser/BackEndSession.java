package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.AddMemReg;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetConfig;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetFeatures;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetInflightFd;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetMaxMemSlots;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetProtocolFeatures;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetQueueNum;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.GetVringBase;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.RemMemReg;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.ResetDevice;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.ResetOwner;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetBackendReqFd;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetConfig;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetFeatures;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetInflightFd;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetMemTable;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetOwner;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetProtocolFeatures;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringAddr;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringBase;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringCall;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringEnable;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringErr;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringKick;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.SetVringNum;
import dev.basepoint.ipc.vhostuser.FrontEndRequest.Unsupported;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * A back end's half of one connection: keeps what the front end says, and lets the device serve
 * exactly those rings that are started, enabled and placed in shared memory.
 *
 * <p>The front end is presumed malicious. A message that is malformed ends the connection; one that
 * is well-formed but cannot be granted is refused by its reply or, if the front end wants none,
 * ends the connection too, since it could not know.
 *
 * <p>{@link #serve} and {@link #close} belong to one thread; the rest is safe from any.
 */
public final class BackEndSession implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final long OFFERED =
      ProtocolFeatures.MQ
          | ProtocolFeatures.REPLY_ACK
          | ProtocolFeatures.BACKEND_REQ
          | ProtocolFeatures.CONFIG
          | ProtocolFeatures.RESET_DEVICE
          | ProtocolFeatures.CONFIGURE_MEM_SLOTS;

  private static final BackEndReply DONE = new BackEndReply.Value(0);

  /** VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, the one request of ours. */
  private static final VhostUserFrame CONFIG_CHANGED =
      new VhostUserFrame(2, VhostUserFrame.VERSION, new byte[0], List.of());

  private final VhostUserChannel channel;
  private final BackEndDevice device;
  private final Consumer<String> warnings;
  private final SharedMemory memory = new SharedMemory();
  private final RingSet rings;
  private final ConfigWrites configWrites;

  private long features;
  private InflightRegion inflight;

  /** Guards what other threads reach: the second channel. */
  private final Object backEndLock = new Object();

  private VhostUserChannel backEndRequests;

  /**
   * Takes over a connected socket.
   *
   * @param warnings hears why something was refused
   */
  public BackEndSession(UnixSocket socket, BackEndDevice device, Consumer<String> warnings) {
    channel = new VhostUserChannel(socket, PATIENCE);
    this.device = device;
    this.warnings = warnings;
    configWrites = new ConfigWrites(device);
    rings = new RingSet(device, memory, configWrites);
  }

  /**
   * Serves the front end until it leaves.
   *
   * @throws VhostUserException if it broke the protocol
   * @throws IOException if the device cannot be stopped; the process must then end
   */
  public void serve() throws IOException {
    while (true) {
      VhostUserFrame frame = channel.receive(VhostUserChannel.someDay());
      if (frame == null) {
        return;
      }
      handle(frame);
    }
  }

  private void handle(VhostUserFrame frame) throws IOException {
    FrontEndRequest request = VhostUserCodec.decode(frame);
    RequestCode code = RequestCode.of(frame.request()).orElse(null);
    BackEndReply reply = null;
    String refusal = null;
    try {
      reply = carryOut(request);
    } catch (RequestRefusedException e) {
      refusal = e.getMessage();
    }
    try {
      rings.reconcile(features, inflight);
    } catch (RequestRefusedException e) {
      refusal = refusal == null ? e.getMessage() : refusal;
    }
    if (refusal != null) {
      warnings.accept("refused " + describe(frame, code) + ": " + refusal);
    }
    if (code != null && code.alwaysReplied()) {
      answer(code, reply == null ? refusal(request) : reply);
    } else if (frame.needsReply()) {
      // Negotiated or not: a front end that reconnects may not negotiate again, and would wait.
      channel.send(VhostUserCodec.acknowledge(frame.request(), refusal == null));
    } else if (refusal != null) {
      throw new VhostUserException(describe(frame, code) + " cannot be granted: " + refusal);
    }
  }

  private void answer(RequestCode code, BackEndReply reply) throws IOException {
    try {
      channel.send(VhostUserCodec.encode(code, reply));
    } finally {
      if (reply instanceof BackEndReply.Inflight made) {
        made.memory().close();
      }
    }
  }

  private static String describe(VhostUserFrame frame, RequestCode code) {
    return code == null ? "request " + Integer.toUnsignedString(frame.request()) : code.name();
  }

  /** What a front end gets that must get an answer to what cannot be granted. */
  private static BackEndReply refusal(FrontEndRequest request) throws VhostUserException {
    if (request instanceof GetConfig(int offset, int _)) {
      return new BackEndReply.Config(offset, new byte[0]);
    }
    throw new VhostUserException(request.getClass().getSimpleName() + " cannot be granted");
  }

  private BackEndReply carryOut(FrontEndRequest request) throws IOException {
    switch (request) {
      case GetFeatures _ -> {
        return new BackEndReply.Value(offeredFeatures());
      }
      case SetFeatures(long wanted) -> setFeatures(wanted);
      case SetOwner _ -> {}
      case ResetOwner _ -> rings.stopAll();
      case SetMemTable(List<SharedRegion> regions) -> {
        rings.pause();
        memory.replace(regions);
        rings.retry();
      }
      case SetVringNum(int index, int num) -> rings.setSize(index, num);
      case SetVringAddr(int index, int flags, long desc, long used, long avail, long _) ->
          rings.place(index, flags, desc, used, avail);
      case SetVringBase(int index, int base) -> rings.setBase(index, base);
      case GetVringBase(int index) -> {
        return new BackEndReply.VringBase(index, rings.stop(index));
      }
      case SetVringKick(int index, Fd kick) -> rings.start(index, checkedEventFd(kick));
      case SetVringCall(int index, Fd call) -> rings.setCall(index, checkedEventFd(call));
      case SetVringErr(int index, Fd err) -> rings.setErr(index, checkedEventFd(err));
      case GetProtocolFeatures _ -> {
        return new BackEndReply.Value(offeredProtocolFeatures());
      }
      case SetProtocolFeatures(long wanted) ->
          // None of ours changes what a message means, so that is all.
          refuseUnoffered(wanted & ~offeredProtocolFeatures(), "protocol features");
      case GetQueueNum _ -> {
        return new BackEndReply.Value(device.queueCount());
      }
      case SetVringEnable(int index, boolean enabled) -> rings.enable(index, enabled);
      case SetBackendReqFd(Fd socket) -> setBackEndRequests(socket);
      case GetConfig(int offset, int sizeBytes) -> {
        return configWrites.read(offset, sizeBytes);
      }
      case SetConfig(int offset, boolean migration, byte[] data) -> {
        if (migration) {
          throw new RequestRefusedException("configuration of another back end; no migration here");
        }
        configWrites.write(offset, data);
      }
      case GetInflightFd(int queueCount, int queueSize) -> {
        return inflightMemory(queueCount, queueSize);
      }
      case SetInflightFd setInflight -> setInflight(setInflight);
      case ResetDevice _ -> {
        rings.stopAll();
        configWrites.forget();
        features = 0;
      }
      case GetMaxMemSlots _ -> {
        return new BackEndReply.Value(SharedMemory.SLOTS_MAX);
      }
      case AddMemReg(SharedRegion region) -> {
        rings.pause();
        memory.add(region);
        rings.retry();
      }
      case RemMemReg(SharedRegion region) -> {
        rings.pause();
        memory.remove(region);
        rings.retry();
      }
      case Unsupported(int number) ->
          throw new RequestRefusedException(
              "request " + Integer.toUnsignedString(number) + " is not supported");
    }
    return DONE;
  }

  private long offeredFeatures() {
    return device.features() | ProtocolFeatures.VHOST_USER_F_PROTOCOL_FEATURES;
  }

  private long offeredProtocolFeatures() {
    return device.completesInOrder() ? OFFERED : OFFERED | ProtocolFeatures.INFLIGHT_SHMFD;
  }

  private void setFeatures(long wanted) throws IOException {
    refuseUnoffered(wanted & ~offeredFeatures(), "features");
    if (wanted != features) {
      rings.pause();
      features = wanted;
      rings.retry();
    }
  }

  private static void refuseUnoffered(long surplus, String what) throws RequestRefusedException {
    if (surplus != 0) {
      throw new RequestRefusedException(
          what + " 0x" + Long.toHexString(surplus) + " were not offered");
    }
  }

  /** Only an eventfd is sure never to block who writes to it. */
  private static Fd checkedEventFd(Fd fd) throws IOException {
    if (fd != null && !FileStatus.isAnonymous(fd)) {
      fd.close();
      throw new RequestRefusedException("the descriptor is no eventfd");
    }
    return fd;
  }

  private void setBackEndRequests(Fd socket) throws IOException {
    VhostUserChannel before;
    synchronized (backEndLock) {
      before = backEndRequests;
      backEndRequests = new VhostUserChannel(UnixSocket.own(socket), Duration.ZERO);
    }
    if (before != null) {
      before.close();
    }
  }

  private BackEndReply inflightMemory(int queueCount, int queueSize) throws IOException {
    if (device.completesInOrder()
        || queueCount < 1
        || queueCount > device.queueCount()
        || !RingAddresses.isQueueSize(queueSize)
        || queueSize > device.queueSizeMax()) {
      throw new RequestRefusedException(
          "in-flight memory for %d queues of %d".formatted(queueCount, queueSize));
    }
    return new BackEndReply.Inflight(
        InflightRegion.sizeBytes(queueCount, queueSize),
        0,
        queueCount,
        queueSize,
        InflightRegion.create(queueCount, queueSize));
  }

  private void setInflight(SetInflightFd request) throws IOException {
    try (Fd _ = request.memory()) {
      rings.pause();
      InflightRegion opened = InflightRegion.open(request, device.queueCount());
      if (inflight != null) {
        inflight.close();
      }
      inflight = opened;
    }
  }

  /** Tells the front end that the configuration space has new content, if it wants to know. */
  public void configChanged() {
    synchronized (backEndLock) {
      if (backEndRequests != null) {
        // Lost if the front end does not read; it then finds out when it asks.
        backEndRequests.trySend(CONFIG_CHANGED);
      }
    }
  }

  /** Tells the front end that the device cannot go on with a ring. */
  public void ringBroken(int index) {
    rings.signalError(index);
  }

  /** Makes {@link #serve} return soon. */
  public void shutdown() {
    channel.shutdown();
  }

  /**
   * Ends the device's service and gives everything back.
   *
   * @throws IOException if the device cannot be stopped; the process must then end
   */
  @Override
  public void close() throws IOException {
    channel.close();
    synchronized (backEndLock) {
      if (backEndRequests != null) {
        backEndRequests.close();
        backEndRequests = null;
      }
    }
    rings.close();
    memory.close();
    if (inflight != null) {
      inflight.close();
    }
  }
}
