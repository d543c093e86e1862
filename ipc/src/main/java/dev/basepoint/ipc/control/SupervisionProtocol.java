package dev.basepoint.ipc.control;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.basepoint.ipc.control.proto.ChildHello;
import dev.basepoint.ipc.control.proto.ConfigureBlk;
import dev.basepoint.ipc.control.proto.ConfigureNet;
import dev.basepoint.ipc.control.proto.ConfigureRng;
import dev.basepoint.ipc.control.proto.ConfigureVhostUser;
import dev.basepoint.ipc.control.proto.CounterGroup;
import dev.basepoint.ipc.control.proto.CountersReport;
import dev.basepoint.ipc.control.proto.DeviceFailed;
import dev.basepoint.ipc.control.proto.EnterSandbox;
import dev.basepoint.ipc.control.proto.GuestMarker;
import dev.basepoint.ipc.control.proto.GuestReady;
import dev.basepoint.ipc.control.proto.GuestStopped;
import dev.basepoint.ipc.control.proto.Milestone;
import dev.basepoint.ipc.control.proto.PauseVm;
import dev.basepoint.ipc.control.proto.ReadCounters;
import dev.basepoint.ipc.control.proto.ResumeVm;
import dev.basepoint.ipc.control.proto.RunVm;
import dev.basepoint.ipc.control.proto.Sandboxed;
import dev.basepoint.ipc.control.proto.SetLink;
import dev.basepoint.ipc.control.proto.StopProcess;
import dev.basepoint.ipc.control.proto.SupervisionAnswerFrame;
import dev.basepoint.ipc.control.proto.SupervisionDone;
import dev.basepoint.ipc.control.proto.SupervisionFailure;
import dev.basepoint.ipc.control.proto.SupervisionHello;
import dev.basepoint.ipc.control.proto.SupervisionPing;
import dev.basepoint.ipc.control.proto.SupervisionRequestFrame;
import dev.basepoint.ipc.control.proto.VmSaved;
import dev.basepoint.ipc.control.proto.Warning;
import dev.basepoint.ipc.linux.Fd;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The supervision channel's messages on the wire: basepoint/supervision.proto. */
public final class SupervisionProtocol
    implements Protocol<SupervisionRequest, SupervisionReply, SupervisionEvent> {
  /** Raised when an old peer would misunderstand a message. */
  public static final int VERSION = 3;

  @Override
  public Frame encodeRequest(Request<SupervisionRequest> request) {
    List<Fd> fds = new ArrayList<>();
    SupervisionRequestFrame.Builder frame =
        SupervisionRequestFrame.newBuilder()
            .setId(request.id())
            .setDeadlineMillis(request.deadlineMillis());
    switch (request.body()) {
      case SupervisionRequest.Hello(int version, long featureBits) ->
          frame.setHello(
              SupervisionHello.newBuilder()
                  .setProtocolVersion(version)
                  .setFeatureBits(featureBits));
      case SupervisionRequest.EnterSandbox(byte[] order) ->
          frame.setEnterSandbox(EnterSandbox.newBuilder().setOrder(ByteString.copyFrom(order)));
      case SupervisionRequest.ConfigureVm vm -> frame.setConfigureVm(VmMessages.encode(vm, fds));
      case SupervisionRequest.ConfigureBlk blk -> frame.setConfigureBlk(configureBlk(blk, fds));
      case SupervisionRequest.ConfigureNet net -> frame.setConfigureNet(configureNet(net, fds));
      case SupervisionRequest.ConfigureRng rng -> frame.setConfigureRng(configureRng(rng, fds));
      case SupervisionRequest.ConfigureVhostUser vhostUser ->
          frame.setConfigureVhostUser(configureVhostUser(vhostUser, fds));
      case SupervisionRequest.RunVm _ -> frame.setRunVm(RunVm.getDefaultInstance());
      case SupervisionRequest.SaveVm save -> frame.setSaveVm(VmMessages.encode(save, fds));
      case SupervisionRequest.PrepareClone clone ->
          frame.setPrepareClone(VmMessages.encode(clone, fds));
      case SupervisionRequest.RunClone run -> frame.setRunClone(VmMessages.encode(run));
      case SupervisionRequest.ReplaceServer replace ->
          frame.setReplaceServer(VmMessages.encode(replace, fds));
      case SupervisionRequest.PauseVm _ -> frame.setPauseVm(PauseVm.getDefaultInstance());
      case SupervisionRequest.ResumeVm _ -> frame.setResumeVm(ResumeVm.getDefaultInstance());
      case SupervisionRequest.ReadCounters _ ->
          frame.setReadCounters(ReadCounters.getDefaultInstance());
      case SupervisionRequest.SetLink(boolean up) ->
          frame.setSetLink(SetLink.newBuilder().setUp(up));
      case SupervisionRequest.Stop _ -> frame.setStop(StopProcess.getDefaultInstance());
      case SupervisionRequest.Ping _ -> frame.setPing(SupervisionPing.getDefaultInstance());
    }
    return new Frame(frame.build().toByteArray(), fds);
  }

  private static ConfigureBlk configureBlk(SupervisionRequest.ConfigureBlk blk, List<Fd> fds) {
    fds.add(blk.channel());
    fds.add(blk.image());
    fds.addAll(blk.layers());
    return ConfigureBlk.newBuilder()
        .setName(blk.name())
        .setReadOnly(blk.readOnly())
        .setDirect(blk.direct())
        .setSerial(blk.serial())
        .setQueueCount(blk.queueCount())
        .setQueueSize(blk.queueSize())
        .setBlockSizeBytes(blk.blockSizeBytes())
        .setDiscard(blk.discard())
        .setLayers(blk.layers().size())
        .build();
  }

  private static ConfigureNet configureNet(SupervisionRequest.ConfigureNet net, List<Fd> fds) {
    fds.add(net.channel());
    if (net.backendFd() != null) {
      fds.add(net.backendFd());
    }
    return ConfigureNet.newBuilder()
        .setName(net.name())
        .setMac(ByteString.copyFrom(net.mac()))
        .setMtuBytes(net.mtuBytes())
        .setQueueSize(net.queueSize())
        .setOffloads(net.offloads())
        .setLinkUp(net.linkUp())
        .setBackend(
            switch (net.backend()) {
              case TAP -> ConfigureNet.Backend.BACKEND_TAP;
              case STREAM -> ConfigureNet.Backend.BACKEND_STREAM;
              case ECHO -> ConfigureNet.Backend.BACKEND_ECHO;
              case NONE -> ConfigureNet.Backend.BACKEND_NONE;
            })
        .build();
  }

  private static ConfigureRng configureRng(SupervisionRequest.ConfigureRng rng, List<Fd> fds) {
    fds.add(rng.channel());
    return ConfigureRng.newBuilder()
        .setName(rng.name())
        .setRateBytesPerSecond(rng.rateBytesPerSecond())
        .setRequestBytesMax(rng.requestBytesMax())
        .setQueueSize(rng.queueSize())
        .build();
  }

  private static ConfigureVhostUser configureVhostUser(
      SupervisionRequest.ConfigureVhostUser request, List<Fd> fds) {
    ConfigureVhostUser.Builder message =
        ConfigureVhostUser.newBuilder().setListening(request.listening());
    switch (request.device()) {
      case SupervisionRequest.ConfigureBlk blk -> message.setBlk(configureBlk(blk, fds));
      case SupervisionRequest.ConfigureNet net -> message.setNet(configureNet(net, fds));
      case SupervisionRequest.ConfigureRng rng -> message.setRng(configureRng(rng, fds));
    }
    return message.build();
  }

  @Override
  public Request<SupervisionRequest> decodeRequest(Frame frame) throws ProtocolException {
    return Decoding.decode(frame, SupervisionProtocol::decodeRequest);
  }

  private static Request<SupervisionRequest> decodeRequest(byte[] payload, FdCursor fds)
      throws ProtocolException, InvalidProtocolBufferException {
    SupervisionRequestFrame frame = SupervisionRequestFrame.parseFrom(payload);
    SupervisionRequest body =
        switch (frame.getBodyCase()) {
          case HELLO ->
              new SupervisionRequest.Hello(
                  frame.getHello().getProtocolVersion(), frame.getHello().getFeatureBits());
          case ENTER_SANDBOX ->
              new SupervisionRequest.EnterSandbox(frame.getEnterSandbox().getOrder().toByteArray());
          case CONFIGURE_VM -> VmMessages.decode(frame.getConfigureVm(), fds);
          case CONFIGURE_BLK -> configureBlk(frame.getConfigureBlk(), fds);
          case CONFIGURE_NET -> configureNet(frame.getConfigureNet(), fds);
          case CONFIGURE_RNG -> configureRng(frame.getConfigureRng(), fds);
          case SAVE_VM -> VmMessages.saveVm(fds);
          case PREPARE_CLONE -> VmMessages.decode(frame.getPrepareClone(), fds);
          case RUN_CLONE -> VmMessages.decode(frame.getRunClone());
          case REPLACE_SERVER -> VmMessages.decode(frame.getReplaceServer(), fds);
          case CONFIGURE_VHOST_USER -> configureVhostUser(frame.getConfigureVhostUser(), fds);
          case RUN_VM -> new SupervisionRequest.RunVm();
          case PAUSE_VM -> new SupervisionRequest.PauseVm();
          case RESUME_VM -> new SupervisionRequest.ResumeVm();
          case READ_COUNTERS -> new SupervisionRequest.ReadCounters();
          case SET_LINK -> new SupervisionRequest.SetLink(frame.getSetLink().getUp());
          case STOP -> new SupervisionRequest.Stop();
          case PING -> new SupervisionRequest.Ping();
          case BODY_NOT_SET -> throw new ProtocolException("unknown request");
        };
    return new Request<>(frame.getId(), frame.getDeadlineMillis(), body);
  }

  private static SupervisionRequest.ConfigureBlk configureBlk(ConfigureBlk blk, FdCursor fds)
      throws ProtocolException {
    Fd channel = fds.take("device channel");
    Fd image = fds.take("image");
    List<Fd> layers = new ArrayList<>();
    for (int i = 0; i < Integer.toUnsignedLong(blk.getLayers()); i++) {
      layers.add(fds.take("layer"));
    }
    return new SupervisionRequest.ConfigureBlk(
        blk.getName(),
        channel,
        image,
        layers,
        blk.getReadOnly(),
        blk.getDirect(),
        blk.getSerial(),
        blk.getQueueCount(),
        blk.getQueueSize(),
        blk.getBlockSizeBytes(),
        blk.getDiscard());
  }

  private static SupervisionRequest.ConfigureNet configureNet(ConfigureNet net, FdCursor fds)
      throws ProtocolException {
    SupervisionRequest.NetBackend backend =
        switch (net.getBackend()) {
          case BACKEND_TAP -> SupervisionRequest.NetBackend.TAP;
          case BACKEND_STREAM -> SupervisionRequest.NetBackend.STREAM;
          case BACKEND_ECHO -> SupervisionRequest.NetBackend.ECHO;
          case BACKEND_NONE -> SupervisionRequest.NetBackend.NONE;
          case BACKEND_UNSPECIFIED, UNRECOGNIZED ->
              throw new ProtocolException("unknown network back end");
        };
    return new SupervisionRequest.ConfigureNet(
        net.getName(),
        fds.take("device channel"),
        backend.hasDescriptor() ? fds.take("back end") : null,
        backend,
        net.getMac().toByteArray(),
        net.getMtuBytes(),
        net.getQueueSize(),
        net.getOffloads(),
        net.getLinkUp());
  }

  private static SupervisionRequest.ConfigureRng configureRng(ConfigureRng rng, FdCursor fds)
      throws ProtocolException {
    return new SupervisionRequest.ConfigureRng(
        rng.getName(),
        fds.take("device channel"),
        rng.getRateBytesPerSecond(),
        rng.getRequestBytesMax(),
        rng.getQueueSize());
  }

  private static SupervisionRequest.ConfigureVhostUser configureVhostUser(
      ConfigureVhostUser request, FdCursor fds) throws ProtocolException {
    SupervisionRequest.ConfigureDevice device =
        switch (request.getDeviceCase()) {
          case BLK -> configureBlk(request.getBlk(), fds);
          case NET -> configureNet(request.getNet(), fds);
          case RNG -> configureRng(request.getRng(), fds);
          case DEVICE_NOT_SET -> throw new ProtocolException("unknown device");
        };
    return new SupervisionRequest.ConfigureVhostUser(device, request.getListening());
  }

  @Override
  public Frame encodeAnswer(Answer<SupervisionReply, SupervisionEvent> answer) {
    List<Fd> fds = new ArrayList<>();
    SupervisionAnswerFrame.Builder frame = SupervisionAnswerFrame.newBuilder();
    switch (answer) {
      case Reply<SupervisionReply, SupervisionEvent>(long id, SupervisionReply body) -> {
        frame.setId(id);
        encodeReply(frame, body, fds);
      }
      case Failure<SupervisionReply, SupervisionEvent>(
              long id,
              RequestFailedException.Code code,
              String message) ->
          frame
              .setId(id)
              .setFailure(
                  SupervisionFailure.newBuilder()
                      .setCode(code.wireNumber())
                      .setMessage(String.valueOf(message)));
      case Event<SupervisionReply, SupervisionEvent>(SupervisionEvent event) ->
          encodeEvent(frame, event);
    }
    return new Frame(frame.build().toByteArray(), fds);
  }

  private static void encodeReply(
      SupervisionAnswerFrame.Builder frame, SupervisionReply reply, List<Fd> fds) {
    switch (reply) {
      case SupervisionReply.Hello(int version, long featureBits, String role, int pid) ->
          frame.setHello(
              ChildHello.newBuilder()
                  .setProtocolVersion(version)
                  .setFeatureBits(featureBits)
                  .setRole(role)
                  .setPid(pid));
      case SupervisionReply.Done _ -> frame.setDone(SupervisionDone.getDefaultInstance());
      case SupervisionReply.Saved(long ramBytesWritten, long stateBytes) ->
          frame.setVmSaved(
              VmSaved.newBuilder().setRamBytesWritten(ramBytesWritten).setStateBytes(stateBytes));
      case SupervisionReply.Sandboxed(Fd listener) -> {
        if (listener != null) {
          fds.add(listener);
        }
        frame.setSandboxed(Sandboxed.newBuilder().setHasListener(listener != null));
      }
      case SupervisionReply.Counters(List<SupervisionReply.Group> groups) -> {
        CountersReport.Builder report = CountersReport.newBuilder();
        for (SupervisionReply.Group group : groups) {
          report.addGroups(
              CounterGroup.newBuilder().setName(group.name()).putAllValues(group.values()));
        }
        frame.setCounters(report);
      }
    }
  }

  private static void encodeEvent(SupervisionAnswerFrame.Builder frame, SupervisionEvent event) {
    switch (event) {
      case SupervisionEvent.Milestone(String name, long nanos) ->
          frame.setMilestone(Milestone.newBuilder().setName(name).setMonotonicNanos(nanos));
      case SupervisionEvent.GuestReady(long nanos) ->
          frame.setGuestReady(GuestReady.newBuilder().setMonotonicNanos(nanos));
      case SupervisionEvent.GuestMarker(int value, long nanos) ->
          frame.setGuestMarker(GuestMarker.newBuilder().setValue(value).setMonotonicNanos(nanos));
      case SupervisionEvent.GuestStopped(
              SupervisionEvent.StopReason reason,
              String detail,
              long nanos) ->
          frame.setGuestStopped(
              GuestStopped.newBuilder()
                  .setReason(
                      switch (reason) {
                        case POWER_OFF -> GuestStopped.Reason.POWER_OFF;
                        case RESET -> GuestStopped.Reason.RESET;
                        case TRIPLE_FAULT -> GuestStopped.Reason.TRIPLE_FAULT;
                        case ERROR -> GuestStopped.Reason.ERROR;
                      })
                  .setDetail(detail)
                  .setMonotonicNanos(nanos));
      case SupervisionEvent.DeviceFailed(String device, String reason) ->
          frame.setDeviceFailed(DeviceFailed.newBuilder().setDevice(device).setReason(reason));
      case SupervisionEvent.Warning(String text) ->
          frame.setWarning(Warning.newBuilder().setText(text));
    }
  }

  @Override
  public Answer<SupervisionReply, SupervisionEvent> decodeAnswer(Frame frame)
      throws ProtocolException {
    return Decoding.decode(frame, SupervisionProtocol::decodeAnswer);
  }

  private static Answer<SupervisionReply, SupervisionEvent> decodeAnswer(
      byte[] payload, FdCursor fds) throws ProtocolException, InvalidProtocolBufferException {
    SupervisionAnswerFrame frame = SupervisionAnswerFrame.parseFrom(payload);
    long id = frame.getId();
    return switch (frame.getBodyCase()) {
      case FAILURE ->
          new Failure<>(
              id,
              RequestFailedException.Code.of(frame.getFailure().getCode()),
              Decoding.text(frame.getFailure().getMessage()));
      case HELLO ->
          new Reply<>(
              id,
              new SupervisionReply.Hello(
                  frame.getHello().getProtocolVersion(),
                  frame.getHello().getFeatureBits(),
                  Decoding.text(frame.getHello().getRole()),
                  frame.getHello().getPid()));
      case DONE -> new Reply<>(id, new SupervisionReply.Done());
      case VM_SAVED ->
          new Reply<>(
              id,
              new SupervisionReply.Saved(
                  frame.getVmSaved().getRamBytesWritten(), frame.getVmSaved().getStateBytes()));
      case SANDBOXED ->
          new Reply<>(
              id,
              new SupervisionReply.Sandboxed(
                  frame.getSandboxed().getHasListener() ? fds.take("listener") : null));
      case COUNTERS -> new Reply<>(id, counters(frame.getCounters()));
      case MILESTONE ->
          new Event<>(
              new SupervisionEvent.Milestone(
                  Decoding.text(frame.getMilestone().getName()),
                  frame.getMilestone().getMonotonicNanos()));
      case GUEST_READY ->
          new Event<>(new SupervisionEvent.GuestReady(frame.getGuestReady().getMonotonicNanos()));
      case GUEST_MARKER ->
          new Event<>(
              new SupervisionEvent.GuestMarker(
                  frame.getGuestMarker().getValue(), frame.getGuestMarker().getMonotonicNanos()));
      case GUEST_STOPPED -> new Event<>(guestStopped(frame.getGuestStopped()));
      case DEVICE_FAILED ->
          new Event<>(
              new SupervisionEvent.DeviceFailed(
                  Decoding.text(frame.getDeviceFailed().getDevice()),
                  Decoding.text(frame.getDeviceFailed().getReason())));
      case WARNING ->
          new Event<>(new SupervisionEvent.Warning(Decoding.text(frame.getWarning().getText())));
      case BODY_NOT_SET -> throw new ProtocolException("unknown answer");
    };
  }

  private static SupervisionEvent.GuestStopped guestStopped(GuestStopped stopped)
      throws ProtocolException {
    SupervisionEvent.StopReason reason =
        switch (stopped.getReason()) {
          case POWER_OFF -> SupervisionEvent.StopReason.POWER_OFF;
          case RESET -> SupervisionEvent.StopReason.RESET;
          case TRIPLE_FAULT -> SupervisionEvent.StopReason.TRIPLE_FAULT;
          case ERROR -> SupervisionEvent.StopReason.ERROR;
          case REASON_UNSPECIFIED, UNRECOGNIZED ->
              throw new ProtocolException("unknown stop reason");
        };
    return new SupervisionEvent.GuestStopped(
        reason, Decoding.text(stopped.getDetail()), stopped.getMonotonicNanos());
  }

  private static SupervisionReply.Counters counters(CountersReport report) {
    return new SupervisionReply.Counters(
        report.getGroupsList().stream()
            .map(
                group ->
                    new SupervisionReply.Group(
                        Decoding.text(group.getName()), values(group.getValuesMap())))
            .toList());
  }

  private static Map<String, Long> values(Map<String, Long> untrusted) {
    Map<String, Long> values = new HashMap<>();
    untrusted.forEach((key, value) -> values.put(Decoding.text(key), value));
    return values;
  }
}
