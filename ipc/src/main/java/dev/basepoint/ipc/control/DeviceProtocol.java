package dev.basepoint.ipc.control;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.basepoint.ipc.control.proto.Activate;
import dev.basepoint.ipc.control.proto.ConfigChanged;
import dev.basepoint.ipc.control.proto.Describe;
import dev.basepoint.ipc.control.proto.DeviceAnswerFrame;
import dev.basepoint.ipc.control.proto.DeviceBroken;
import dev.basepoint.ipc.control.proto.DeviceDone;
import dev.basepoint.ipc.control.proto.DeviceFailure;
import dev.basepoint.ipc.control.proto.DeviceHello;
import dev.basepoint.ipc.control.proto.DeviceInfo;
import dev.basepoint.ipc.control.proto.DeviceRequestFrame;
import dev.basepoint.ipc.control.proto.Drain;
import dev.basepoint.ipc.control.proto.Drained;
import dev.basepoint.ipc.control.proto.Halt;
import dev.basepoint.ipc.control.proto.Ping;
import dev.basepoint.ipc.control.proto.QueuePosition;
import dev.basepoint.ipc.control.proto.QueueSetup;
import dev.basepoint.ipc.control.proto.Run;
import dev.basepoint.ipc.control.proto.WriteConfig;
import dev.basepoint.ipc.linux.Fd;
import java.util.ArrayList;
import java.util.List;

/** The device channel's messages on the wire: basepoint/device_channel.proto. */
public final class DeviceProtocol implements Protocol<DeviceRequest, DeviceReply, DeviceEvent> {
  /** Raised when an old peer would misunderstand a message. */
  public static final int VERSION = 1;

  @Override
  public Frame encodeRequest(Request<DeviceRequest> request) {
    List<Fd> fds = new ArrayList<>();
    DeviceRequestFrame.Builder frame =
        DeviceRequestFrame.newBuilder()
            .setId(request.id())
            .setDeadlineMillis(request.deadlineMillis());
    switch (request.body()) {
      case DeviceRequest.Hello(int version, long featureBits) ->
          frame.setHello(hello(version, featureBits));
      case DeviceRequest.Describe _ -> frame.setDescribe(Describe.getDefaultInstance());
      case DeviceRequest.Activate a -> frame.setActivate(activate(a, fds));
      case DeviceRequest.Run _ -> frame.setRun(Run.getDefaultInstance());
      case DeviceRequest.Drain _ -> frame.setDrain(Drain.getDefaultInstance());
      case DeviceRequest.Halt _ -> frame.setHalt(Halt.getDefaultInstance());
      case DeviceRequest.WriteConfig(int offset, byte[] data) ->
          frame.setWriteConfig(
              WriteConfig.newBuilder().setOffset(offset).setData(ByteString.copyFrom(data)));
      case DeviceRequest.Ping _ -> frame.setPing(Ping.getDefaultInstance());
    }
    return new Frame(frame.build().toByteArray(), fds);
  }

  private static DeviceHello hello(int version, long featureBits) {
    return DeviceHello.newBuilder().setProtocolVersion(version).setFeatureBits(featureBits).build();
  }

  private static Activate activate(DeviceRequest.Activate message, List<Fd> fds) {
    Activate.Builder activate =
        Activate.newBuilder().setFeatures(message.features()).setWindowBytes(message.windowBytes());
    fds.add(message.window());
    for (DeviceRequest.QueueSetup queue : message.queues()) {
      fds.add(queue.kick());
      fds.add(queue.call());
      activate.addQueues(
          QueueSetup.newBuilder()
              .setIndex(queue.index())
              .setSize(queue.size())
              .setDescOffset(queue.descOffset())
              .setAvailOffset(queue.availOffset())
              .setUsedOffset(queue.usedOffset())
              .setNextAvail(queue.nextAvail())
              .setNextUsed(queue.nextUsed()));
    }
    return activate.build();
  }

  @Override
  public Request<DeviceRequest> decodeRequest(Frame frame) throws ProtocolException {
    return Decoding.decode(frame, DeviceProtocol::decodeRequest);
  }

  private static Request<DeviceRequest> decodeRequest(byte[] payload, FdCursor fds)
      throws ProtocolException, InvalidProtocolBufferException {
    DeviceRequestFrame frame = DeviceRequestFrame.parseFrom(payload);
    DeviceRequest body =
        switch (frame.getBodyCase()) {
          case HELLO ->
              new DeviceRequest.Hello(
                  frame.getHello().getProtocolVersion(), frame.getHello().getFeatureBits());
          case DESCRIBE -> new DeviceRequest.Describe();
          case ACTIVATE -> activate(frame.getActivate(), fds);
          case RUN -> new DeviceRequest.Run();
          case DRAIN -> new DeviceRequest.Drain();
          case HALT -> new DeviceRequest.Halt();
          case WRITE_CONFIG ->
              new DeviceRequest.WriteConfig(
                  frame.getWriteConfig().getOffset(),
                  frame.getWriteConfig().getData().toByteArray());
          case PING -> new DeviceRequest.Ping();
          case BODY_NOT_SET -> throw new ProtocolException("unknown request");
        };
    return new Request<>(frame.getId(), frame.getDeadlineMillis(), body);
  }

  private static DeviceRequest.Activate activate(Activate message, FdCursor fds)
      throws ProtocolException {
    Fd window = fds.take("window");
    List<DeviceRequest.QueueSetup> queues = new ArrayList<>();
    for (QueueSetup queue : message.getQueuesList()) {
      queues.add(
          new DeviceRequest.QueueSetup(
              queue.getIndex(),
              queue.getSize(),
              queue.getDescOffset(),
              queue.getAvailOffset(),
              queue.getUsedOffset(),
              queue.getNextAvail(),
              queue.getNextUsed(),
              fds.take("kick"),
              fds.take("call")));
    }
    return new DeviceRequest.Activate(
        message.getFeatures(), message.getWindowBytes(), window, queues);
  }

  @Override
  public Frame encodeAnswer(Answer<DeviceReply, DeviceEvent> answer) {
    DeviceAnswerFrame.Builder frame = DeviceAnswerFrame.newBuilder();
    switch (answer) {
      case Reply<DeviceReply, DeviceEvent>(long id, DeviceReply body) -> {
        frame.setId(id);
        encodeReply(frame, body);
      }
      case Failure<DeviceReply, DeviceEvent>(
              long id,
              RequestFailedException.Code code,
              String message) ->
          frame
              .setId(id)
              .setFailure(
                  DeviceFailure.newBuilder()
                      .setCode(code.wireNumber())
                      .setMessage(String.valueOf(message)));
      case Event<DeviceReply, DeviceEvent>(DeviceEvent event) -> {
        switch (event) {
          case DeviceEvent.ConfigChanged(byte[] config) ->
              frame.setConfigChanged(
                  ConfigChanged.newBuilder().setConfig(ByteString.copyFrom(config)));
          case DeviceEvent.Broken(String reason) ->
              frame.setBroken(DeviceBroken.newBuilder().setReason(reason));
        }
      }
    }
    return new Frame(frame.build().toByteArray(), List.of());
  }

  private static void encodeReply(DeviceAnswerFrame.Builder frame, DeviceReply reply) {
    switch (reply) {
      case DeviceReply.Hello(int version, long featureBits) ->
          frame.setHello(hello(version, featureBits));
      case DeviceReply.Info info ->
          frame.setInfo(
              DeviceInfo.newBuilder()
                  .setVirtioDeviceId(info.virtioDeviceId())
                  .setFeatures(info.features())
                  .setQueueCount(info.queueCount())
                  .setQueueSizeMax(info.queueSizeMax())
                  .setConfig(ByteString.copyFrom(info.config())));
      case DeviceReply.Done _ -> frame.setDone(DeviceDone.getDefaultInstance());
      case DeviceReply.Drained(List<DeviceReply.Position> positions) -> {
        Drained.Builder drained = Drained.newBuilder();
        for (DeviceReply.Position position : positions) {
          drained.addQueues(
              QueuePosition.newBuilder()
                  .setIndex(position.index())
                  .setNextAvail(position.nextAvail())
                  .setNextUsed(position.nextUsed()));
        }
        frame.setDrained(drained);
      }
    }
  }

  @Override
  public Answer<DeviceReply, DeviceEvent> decodeAnswer(Frame frame) throws ProtocolException {
    return Decoding.decode(frame, DeviceProtocol::decodeAnswer);
  }

  private static Answer<DeviceReply, DeviceEvent> decodeAnswer(byte[] payload, FdCursor fds)
      throws ProtocolException, InvalidProtocolBufferException {
    DeviceAnswerFrame frame = DeviceAnswerFrame.parseFrom(payload);
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
              new DeviceReply.Hello(
                  frame.getHello().getProtocolVersion(), frame.getHello().getFeatureBits()));
      case INFO -> new Reply<>(id, info(frame.getInfo()));
      case DONE -> new Reply<>(id, new DeviceReply.Done());
      case DRAINED -> new Reply<>(id, drained(frame.getDrained()));
      case CONFIG_CHANGED ->
          new Event<>(
              new DeviceEvent.ConfigChanged(frame.getConfigChanged().getConfig().toByteArray()));
      case BROKEN ->
          new Event<>(new DeviceEvent.Broken(Decoding.text(frame.getBroken().getReason())));
      case BODY_NOT_SET -> throw new ProtocolException("unknown answer");
    };
  }

  private static DeviceReply.Info info(DeviceInfo info) {
    return new DeviceReply.Info(
        info.getVirtioDeviceId(),
        info.getFeatures(),
        info.getQueueCount(),
        info.getQueueSizeMax(),
        info.getConfig().toByteArray());
  }

  private static DeviceReply.Drained drained(Drained drained) {
    return new DeviceReply.Drained(
        drained.getQueuesList().stream()
            .map(
                queue ->
                    new DeviceReply.Position(
                        queue.getIndex(), queue.getNextAvail(), queue.getNextUsed()))
            .toList());
  }
}
