package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
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
import java.util.List;

/**
 * Requests between their typed and their wire form. A payload whose size or number of descriptors
 * is not what its request has is refused; what the numbers mean is judged by who uses them.
 */
public final class VhostUserCodec {
  /** The most bytes of configuration space in one message. */
  public static final int CONFIG_BYTES_MAX = 256;

  /** The most regions in one memory table. */
  public static final int REGIONS_MAX = 8;

  /** In a ring's descriptor message: the ring's index, and the flag that there is no descriptor. */
  private static final int VRING_IDX_MASK = 0xff;

  private static final int VRING_NOFD = 0x100;

  /** In SET_CONFIG: the bytes come from a migration. */
  private static final int CONFIG_MIGRATION = 1;

  private VhostUserCodec() {}

  /**
   * Reads a request. The frame's descriptors are taken over, whatever happens.
   *
   * @throws VhostUserException if the message is malformed
   */
  public static FrontEndRequest decode(VhostUserFrame frame) throws VhostUserException {
    boolean decoded = false;
    try {
      if ((frame.flags() & VhostUserFrame.VERSION_MASK) != VhostUserFrame.VERSION) {
        throw new VhostUserException(
            "version " + (frame.flags() & VhostUserFrame.VERSION_MASK) + " in the flags");
      }
      if ((frame.flags() & VhostUserFrame.REPLY) != 0) {
        throw new VhostUserException("a reply that nobody asked for");
      }
      FrontEndRequest request;
      RequestCode code = RequestCode.of(frame.request()).orElse(null);
      if (code == null || code == RequestCode.SET_LOG_BASE || code == RequestCode.SET_LOG_FD) {
        frame.discard();
        request = new Unsupported(frame.request());
      } else {
        request = decode(code, new PayloadReader(code, frame));
      }
      decoded = true;
      return request;
    } finally {
      if (!decoded) {
        frame.discard();
      }
    }
  }

  private static FrontEndRequest decode(RequestCode code, PayloadReader in)
      throws VhostUserException {
    FrontEndRequest request =
        switch (code) {
          case GET_FEATURES -> new GetFeatures();
          case SET_FEATURES -> new SetFeatures(in.u64());
          case SET_OWNER -> new SetOwner();
          case RESET_OWNER -> new ResetOwner();
          case SET_MEM_TABLE -> memTable(in);
          case SET_VRING_NUM -> new SetVringNum(in.u32(), in.u32());
          case SET_VRING_ADDR ->
              new SetVringAddr(in.u32(), in.u32(), in.u64(), in.u64(), in.u64(), in.u64());
          case SET_VRING_BASE -> new SetVringBase(in.u32(), in.u32());
          case GET_VRING_BASE -> {
            int index = in.u32();
            in.u32();
            yield new GetVringBase(index);
          }
          case SET_VRING_KICK -> {
            long word = in.u64();
            yield new SetVringKick(ring(word), ringFd(word, in));
          }
          case SET_VRING_CALL -> {
            long word = in.u64();
            yield new SetVringCall(ring(word), ringFd(word, in));
          }
          case SET_VRING_ERR -> {
            long word = in.u64();
            yield new SetVringErr(ring(word), ringFd(word, in));
          }
          case GET_PROTOCOL_FEATURES -> new GetProtocolFeatures();
          case SET_PROTOCOL_FEATURES -> new SetProtocolFeatures(in.u64());
          case GET_QUEUE_NUM -> new GetQueueNum();
          case SET_VRING_ENABLE -> new SetVringEnable(in.u32(), in.flag("enable"));
          case SET_BACKEND_REQ_FD -> new SetBackendReqFd(in.fd());
          case GET_CONFIG -> getConfig(in);
          case SET_CONFIG -> setConfig(in);
          case GET_INFLIGHT_FD -> {
            in.u64();
            in.u64();
            yield new GetInflightFd(in.u16(), inflightQueueSize(in));
          }
          case SET_INFLIGHT_FD ->
              new SetInflightFd(in.u64(), in.u64(), in.u16(), inflightQueueSize(in), in.fd());
          case RESET_DEVICE -> new ResetDevice();
          case GET_MAX_MEM_SLOTS -> new GetMaxMemSlots();
          case ADD_MEM_REG -> {
            in.u64();
            yield new AddMemReg(region(in, true));
          }
          case REM_MEM_REG -> {
            in.u64();
            SharedRegion region = region(in, false);
            // Some front ends send the region's descriptor along, which is of no use here.
            in.dropFd();
            yield new RemMemReg(region);
          }
          case SET_LOG_BASE, SET_LOG_FD -> throw new AssertionError(code);
        };
    in.expectEnd();
    return request;
  }

  /** A queue size, and what the compiler of a C front end leaves behind it. */
  private static int inflightQueueSize(PayloadReader in) throws VhostUserException {
    int queueSize = in.u16();
    in.skipRest(Integer.BYTES);
    return queueSize;
  }

  private static int ring(long word) throws VhostUserException {
    if ((word & ~(VRING_IDX_MASK | VRING_NOFD)) != 0) {
      throw new VhostUserException("ring word 0x" + Long.toHexString(word));
    }
    return (int) word & VRING_IDX_MASK;
  }

  private static Fd ringFd(long word, PayloadReader in) throws VhostUserException {
    return (word & VRING_NOFD) != 0 ? null : in.fd();
  }

  private static FrontEndRequest memTable(PayloadReader in) throws VhostUserException {
    int count = in.u32();
    in.u32();
    if (count < 1 || count > REGIONS_MAX) {
      throw new VhostUserException(
          "a memory table of " + Integer.toUnsignedString(count) + " regions");
    }
    SharedRegion[] regions = new SharedRegion[count];
    for (int i = 0; i < count; i++) {
      regions[i] = region(in, true);
    }
    // A front end may send its whole array, whatever the count says.
    in.skipRest((REGIONS_MAX - count) * SharedRegionLayout.BYTES);
    return new SetMemTable(List.of(regions));
  }

  private static SharedRegion region(PayloadReader in, boolean withFd) throws VhostUserException {
    return new SharedRegion(in.u64(), in.u64(), in.u64(), in.u64(), withFd ? in.fd() : null);
  }

  private static FrontEndRequest getConfig(PayloadReader in) throws VhostUserException {
    int offset = in.u32();
    int sizeBytes = in.u32();
    in.u32();
    in.skipRest(CONFIG_BYTES_MAX);
    return new GetConfig(offset, sizeBytes);
  }

  private static FrontEndRequest setConfig(PayloadReader in) throws VhostUserException {
    int offset = in.u32();
    int sizeBytes = in.u32();
    int flags = in.u32();
    if (sizeBytes < 0 || sizeBytes > CONFIG_BYTES_MAX) {
      throw new VhostUserException(
          "SET_CONFIG of " + Integer.toUnsignedString(sizeBytes) + " bytes");
    }
    return new SetConfig(offset, (flags & CONFIG_MIGRATION) != 0, in.bytes(sizeBytes));
  }

  /**
   * Writes a request; its descriptors stay its owner's.
   *
   * @param needReply ask for an acknowledgement; needs {@link ProtocolFeatures#REPLY_ACK}
   */
  public static VhostUserFrame encode(FrontEndRequest request, boolean needReply) {
    PayloadWriter out = new PayloadWriter();
    RequestCode code =
        switch (request) {
          case GetFeatures _ -> RequestCode.GET_FEATURES;
          case SetFeatures(long features) -> out.u64(features).as(RequestCode.SET_FEATURES);
          case SetOwner _ -> RequestCode.SET_OWNER;
          case ResetOwner _ -> RequestCode.RESET_OWNER;
          case SetMemTable(List<SharedRegion> regions) -> {
            out.u32(regions.size()).u32(0);
            regions.forEach(region -> write(region, out));
            yield RequestCode.SET_MEM_TABLE;
          }
          case SetVringNum(int index, int num) ->
              out.u32(index).u32(num).as(RequestCode.SET_VRING_NUM);
          case SetVringAddr(int index, int flags, long desc, long used, long avail, long log) ->
              out.u32(index)
                  .u32(flags)
                  .u64(desc)
                  .u64(used)
                  .u64(avail)
                  .u64(log)
                  .as(RequestCode.SET_VRING_ADDR);
          case SetVringBase(int index, int base) ->
              out.u32(index).u32(base).as(RequestCode.SET_VRING_BASE);
          case GetVringBase(int index) -> out.u32(index).u32(0).as(RequestCode.GET_VRING_BASE);
          case SetVringKick(int index, Fd kick) ->
              ringFd(index, kick, out).as(RequestCode.SET_VRING_KICK);
          case SetVringCall(int index, Fd call) ->
              ringFd(index, call, out).as(RequestCode.SET_VRING_CALL);
          case SetVringErr(int index, Fd err) ->
              ringFd(index, err, out).as(RequestCode.SET_VRING_ERR);
          case GetProtocolFeatures _ -> RequestCode.GET_PROTOCOL_FEATURES;
          case SetProtocolFeatures(long features) ->
              out.u64(features).as(RequestCode.SET_PROTOCOL_FEATURES);
          case GetQueueNum _ -> RequestCode.GET_QUEUE_NUM;
          case SetVringEnable(int index, boolean enabled) ->
              out.u32(index).u32(enabled ? 1 : 0).as(RequestCode.SET_VRING_ENABLE);
          case SetBackendReqFd(Fd socket) -> out.fd(socket).as(RequestCode.SET_BACKEND_REQ_FD);
          case GetConfig(int offset, int sizeBytes) ->
              out.u32(offset)
                  .u32(sizeBytes)
                  .u32(0)
                  .bytes(new byte[sizeBytes])
                  .as(RequestCode.GET_CONFIG);
          case SetConfig(int offset, boolean migration, byte[] data) ->
              out.u32(offset)
                  .u32(data.length)
                  .u32(migration ? CONFIG_MIGRATION : 0)
                  .bytes(data)
                  .as(RequestCode.SET_CONFIG);
          case GetInflightFd(int queueCount, int queueSize) ->
              inflight(out, 0, 0, queueCount, queueSize).as(RequestCode.GET_INFLIGHT_FD);
          case SetInflightFd(long sizeBytes, long offset, int count, int queueSize, Fd memory) ->
              inflight(out, sizeBytes, offset, count, queueSize)
                  .fd(memory)
                  .as(RequestCode.SET_INFLIGHT_FD);
          case ResetDevice _ -> RequestCode.RESET_DEVICE;
          case GetMaxMemSlots _ -> RequestCode.GET_MAX_MEM_SLOTS;
          case AddMemReg(SharedRegion region) ->
              write(region, out.u64(0)).as(RequestCode.ADD_MEM_REG);
          case RemMemReg(SharedRegion region) ->
              write(region, out.u64(0)).as(RequestCode.REM_MEM_REG);
          case Unsupported(int number) ->
              throw new IllegalArgumentException("request " + number + " is not spoken here");
        };
    int flags = VhostUserFrame.VERSION | (needReply ? VhostUserFrame.NEED_REPLY : 0);
    return out.frame(code.number(), flags);
  }

  private static PayloadWriter ringFd(int index, Fd fd, PayloadWriter out) {
    return fd == null ? out.u64(index | VRING_NOFD) : out.u64(index).fd(fd);
  }

  private static PayloadWriter write(SharedRegion region, PayloadWriter out) {
    out.u64(region.baseGpa())
        .u64(region.sizeBytes())
        .u64(region.userAddress())
        .u64(region.mmapOffset());
    return region.memory() == null ? out : out.fd(region.memory());
  }

  private static PayloadWriter inflight(
      PayloadWriter out, long sizeBytes, long mmapOffset, int queueCount, int queueSize) {
    return out.u64(sizeBytes).u64(mmapOffset).u16(queueCount).u16(queueSize);
  }

  /** Writes the answer to a request that asked whether it was carried out. */
  public static VhostUserFrame acknowledge(int request, boolean done) {
    return new PayloadWriter()
        .u64(done ? 0 : 1)
        .frame(request, VhostUserFrame.VERSION | VhostUserFrame.REPLY);
  }

  /** Writes the reply to a request with {@code code}; descriptors stay their owner's. */
  public static VhostUserFrame encode(RequestCode code, BackEndReply reply) {
    PayloadWriter out = new PayloadWriter();
    switch (reply) {
      case BackEndReply.Value(long value) -> out.u64(value);
      case BackEndReply.VringBase(int index, int base) -> out.u32(index).u32(base);
      case BackEndReply.Config(int offset, byte[] data) -> {
        // A message without payload is how a back end says no to this request.
        if (data.length > 0) {
          out.u32(offset).u32(data.length).u32(0).bytes(data);
        }
      }
      case BackEndReply.Inflight(long sizeBytes, long offset, int count, int size, Fd memory) ->
          inflight(out, sizeBytes, offset, count, size).u32(0).fd(memory);
    }
    return out.frame(code.number(), VhostUserFrame.VERSION | VhostUserFrame.REPLY);
  }

  /**
   * Reads the reply to a request with {@code code}. The frame's descriptors are taken over,
   * whatever happens.
   *
   * @throws VhostUserException if it is no well-formed reply to that request
   */
  public static BackEndReply decodeReply(RequestCode code, VhostUserFrame frame)
      throws VhostUserException {
    boolean decoded = false;
    try {
      int flags = frame.flags() & (VhostUserFrame.VERSION_MASK | VhostUserFrame.REPLY);
      if (frame.request() != code.number()
          || flags != (VhostUserFrame.VERSION | VhostUserFrame.REPLY)) {
        throw new VhostUserException(
            "message %d with flags 0x%x where the reply to %s was due"
                .formatted(frame.request(), frame.flags(), code));
      }
      PayloadReader in = new PayloadReader(code, frame);
      BackEndReply reply =
          switch (code) {
            case GET_VRING_BASE -> new BackEndReply.VringBase(in.u32(), in.u32());
            case GET_CONFIG -> {
              if (frame.payload().length == 0) {
                yield new BackEndReply.Config(0, new byte[0]);
              }
              int offset = in.u32();
              int sizeBytes = in.u32();
              in.u32();
              yield new BackEndReply.Config(offset, in.bytes(sizeBytes));
            }
            case GET_INFLIGHT_FD -> {
              BackEndReply inflight =
                  new BackEndReply.Inflight(in.u64(), in.u64(), in.u16(), in.u16(), in.fd());
              in.skipRest(Integer.BYTES);
              yield inflight;
            }
            default -> new BackEndReply.Value(in.u64());
          };
      in.expectEnd();
      decoded = true;
      return reply;
    } finally {
      if (!decoded) {
        frame.discard();
      }
    }
  }
}
