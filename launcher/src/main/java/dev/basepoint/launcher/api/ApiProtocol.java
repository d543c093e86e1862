package dev.basepoint.launcher.api;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.launcher.api.proto.ApiAnswerFrame;
import dev.basepoint.launcher.api.proto.ApiFailure;
import dev.basepoint.launcher.api.proto.ApiHello;
import dev.basepoint.launcher.api.proto.ApiRequestFrame;
import dev.basepoint.launcher.api.proto.AwaitVm;
import dev.basepoint.launcher.api.proto.CaptureVm;
import dev.basepoint.launcher.api.proto.ConsoleChunk;
import dev.basepoint.launcher.api.proto.ForkTemplate;
import dev.basepoint.launcher.api.proto.InspectVm;
import dev.basepoint.launcher.api.proto.ListPools;
import dev.basepoint.launcher.api.proto.ListVms;
import dev.basepoint.launcher.api.proto.PauseRunningVm;
import dev.basepoint.launcher.api.proto.ReadConsole;
import dev.basepoint.launcher.api.proto.RestoreVm;
import dev.basepoint.launcher.api.proto.ResumePausedVm;
import dev.basepoint.launcher.api.proto.StartVm;
import dev.basepoint.launcher.api.proto.StopVm;
import dev.basepoint.launcher.api.proto.WarmPool;
import dev.basepoint.launcher.api.proto.WriteConsole;

/** The API's message set: how typed messages become bytes and back, every field checked. */
public final class ApiProtocol {
  /** Raised when an old peer would misunderstand a message. */
  public static final int VERSION = 1;

  /** Longest request; a manifest is the largest thing in one. */
  public static final int REQUEST_BYTES_MAX = 256 * 1024;

  /** Longest answer; the facts of many VMs. */
  public static final int ANSWER_BYTES_MAX = 4 << 20;

  /** Longest wait for an answer. */
  public static final int DEADLINE_MILLIS_MAX = 30 * 60_000;

  /**
   * A request with what belongs to every request.
   *
   * @param deadlineMillis how long the client will wait
   * @param tenant empty for the caller's own
   */
  public record Request(long id, int deadlineMillis, String tenant, ApiRequest body) {
    public Request {
      if (deadlineMillis <= 0 || deadlineMillis > DEADLINE_MILLIS_MAX) {
        throw new IllegalArgumentException("deadline out of range");
      }
      if (tenant.length() > ApiRequest.NAME_CHARS_MAX || !tenant.matches("[A-Za-z0-9._-]*")) {
        throw new IllegalArgumentException(
            "a tenant has letters, digits, dots, dashes and underscores, at most "
                + ApiRequest.NAME_CHARS_MAX
                + " characters");
      }
    }
  }

  /** What answers a request. */
  public sealed interface Answer {
    /** The request's id. */
    long id();
  }

  /** The request was carried out. */
  public record Reply(long id, ApiReply body) implements Answer {}

  /**
   * The request was not carried out.
   *
   * @param exitCode what the client's process is to end with
   */
  public record Failure(long id, int exitCode, String message) implements Answer {}

  private ApiProtocol() {}

  /** A request as bytes. */
  public static byte[] encode(Request request) {
    ApiRequestFrame.Builder frame =
        ApiRequestFrame.newBuilder()
            .setId(request.id())
            .setDeadlineMillis(request.deadlineMillis())
            .setTenant(request.tenant());
    switch (request.body()) {
      case ApiRequest.Hello(int version) ->
          frame.setHello(ApiHello.newBuilder().setProtocolVersion(version));
      case ApiRequest.StartVm(String manifest, String sandbox, long startMicros) ->
          frame.setStartVm(
              StartVm.newBuilder()
                  .setManifest(manifest)
                  .setSandbox(sandbox)
                  .setCommandStartEpochMicros(startMicros));
      case ApiRequest.ListVms(boolean all) -> frame.setListVms(ListVms.newBuilder().setAll(all));
      case ApiRequest.InspectVm(String vm) -> frame.setInspectVm(InspectVm.newBuilder().setVm(vm));
      case ApiRequest.StopVm(String vm, int patienceMillis) ->
          frame.setStopVm(StopVm.newBuilder().setVm(vm).setPatienceMillis(patienceMillis));
      case ApiRequest.PauseVm(String vm) -> frame.setPauseVm(PauseRunningVm.newBuilder().setVm(vm));
      case ApiRequest.ResumeVm(String vm) ->
          frame.setResumeVm(ResumePausedVm.newBuilder().setVm(vm));
      case ApiRequest.ReadConsole(String vm, long position, int waitMillis) ->
          frame.setReadConsole(
              ReadConsole.newBuilder().setVm(vm).setPosition(position).setWaitMillis(waitMillis));
      case ApiRequest.WriteConsole(String vm, byte[] input) ->
          frame.setWriteConsole(
              WriteConsole.newBuilder().setVm(vm).setInput(ByteString.copyFrom(input)));
      case ApiRequest.ForkTemplate fork ->
          frame.setForkTemplate(
              ForkTemplate.newBuilder()
                  .setTemplate(fork.template())
                  .setName(fork.name())
                  .setMetadata(fork.metadata())
                  .putAllNetBackEnds(fork.netBackEnds())
                  .putAllDisks(fork.disks()));
      case ApiRequest.AwaitVm(String vm, int waitMillis) ->
          frame.setAwaitVm(AwaitVm.newBuilder().setVm(vm).setWaitMillis(waitMillis));
      case ApiRequest.ListPools() -> frame.setListPools(ListPools.getDefaultInstance());
      case ApiRequest.WarmPool(String template, int waitMillis) ->
          frame.setWarmPool(WarmPool.newBuilder().setTemplate(template).setWaitMillis(waitMillis));
      case ApiRequest.CaptureVm(String vm, String name, boolean replace, boolean asTemplate) ->
          frame.setCaptureVm(
              CaptureVm.newBuilder()
                  .setVm(vm)
                  .setName(name)
                  .setReplace(replace)
                  .setAsTemplate(asTemplate));
      case ApiRequest.RestoreVm(String snapshot, String name) ->
          frame.setRestoreVm(RestoreVm.newBuilder().setSnapshot(snapshot).setName(name));
    }
    return frame.build().toByteArray();
  }

  /**
   * A request from bytes.
   *
   * @throws ProtocolException if they are none, or one that this version does not know
   */
  public static Request decodeRequest(byte[] bytes) throws ProtocolException {
    try {
      ApiRequestFrame frame = ApiRequestFrame.parseFrom(bytes);
      return new Request(frame.getId(), frame.getDeadlineMillis(), frame.getTenant(), body(frame));
    } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
      throw new ProtocolException("invalid request: " + e.getMessage(), e);
    }
  }

  private static ApiRequest body(ApiRequestFrame frame) throws ProtocolException {
    return switch (frame.getBodyCase()) {
      case HELLO -> new ApiRequest.Hello(frame.getHello().getProtocolVersion());
      case START_VM ->
          new ApiRequest.StartVm(
              frame.getStartVm().getManifest(),
              frame.getStartVm().getSandbox(),
              frame.getStartVm().getCommandStartEpochMicros());
      case LIST_VMS -> new ApiRequest.ListVms(frame.getListVms().getAll());
      case INSPECT_VM -> new ApiRequest.InspectVm(frame.getInspectVm().getVm());
      case STOP_VM ->
          new ApiRequest.StopVm(frame.getStopVm().getVm(), frame.getStopVm().getPatienceMillis());
      case PAUSE_VM -> new ApiRequest.PauseVm(frame.getPauseVm().getVm());
      case RESUME_VM -> new ApiRequest.ResumeVm(frame.getResumeVm().getVm());
      case READ_CONSOLE ->
          new ApiRequest.ReadConsole(
              frame.getReadConsole().getVm(),
              frame.getReadConsole().getPosition(),
              frame.getReadConsole().getWaitMillis());
      case WRITE_CONSOLE ->
          new ApiRequest.WriteConsole(
              frame.getWriteConsole().getVm(), frame.getWriteConsole().getInput().toByteArray());
      case FORK_TEMPLATE -> fork(frame.getForkTemplate());
      case AWAIT_VM ->
          new ApiRequest.AwaitVm(frame.getAwaitVm().getVm(), frame.getAwaitVm().getWaitMillis());
      case LIST_POOLS -> new ApiRequest.ListPools();
      case WARM_POOL ->
          new ApiRequest.WarmPool(
              frame.getWarmPool().getTemplate(), frame.getWarmPool().getWaitMillis());
      case CAPTURE_VM ->
          new ApiRequest.CaptureVm(
              frame.getCaptureVm().getVm(),
              frame.getCaptureVm().getName(),
              frame.getCaptureVm().getReplace(),
              frame.getCaptureVm().getAsTemplate());
      case RESTORE_VM ->
          new ApiRequest.RestoreVm(
              frame.getRestoreVm().getSnapshot(), frame.getRestoreVm().getName());
      case BODY_NOT_SET -> throw new ProtocolException("unknown request");
    };
  }

  private static ApiRequest.ForkTemplate fork(ForkTemplate fork) {
    return new ApiRequest.ForkTemplate(
        fork.getTemplate(),
        fork.getName(),
        fork.getMetadata(),
        fork.getNetBackEndsMap(),
        fork.getDisksMap());
  }

  /** An answer as bytes. */
  public static byte[] encode(Answer answer) {
    ApiAnswerFrame.Builder frame = ApiAnswerFrame.newBuilder().setId(answer.id());
    switch (answer) {
      case Failure(long _, int exitCode, String message) ->
          frame.setFailure(ApiFailure.newBuilder().setExitCode(exitCode).setMessage(message));
      case Reply(long _, ApiReply.Facts(var facts)) -> frame.setFacts(FactsCodec.encode(facts));
      case Reply(long _, ApiReply.Console(long position, byte[] output, boolean ended)) ->
          frame.setConsole(
              ConsoleChunk.newBuilder()
                  .setPosition(position)
                  .setOutput(ByteString.copyFrom(output))
                  .setEnded(ended));
    }
    return frame.build().toByteArray();
  }

  /**
   * An answer from bytes.
   *
   * @throws ProtocolException if they are none
   */
  public static Answer decodeAnswer(byte[] bytes) throws ProtocolException {
    try {
      ApiAnswerFrame frame = ApiAnswerFrame.parseFrom(bytes);
      long id = frame.getId();
      return switch (frame.getBodyCase()) {
        case FAILURE ->
            new Failure(id, frame.getFailure().getExitCode(), frame.getFailure().getMessage());
        case FACTS -> new Reply(id, new ApiReply.Facts(FactsCodec.decode(frame.getFacts())));
        case CONSOLE ->
            new Reply(
                id,
                new ApiReply.Console(
                    frame.getConsole().getPosition(),
                    frame.getConsole().getOutput().toByteArray(),
                    frame.getConsole().getEnded()));
        case BODY_NOT_SET -> throw new ProtocolException("unknown answer");
      };
    } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
      throw new ProtocolException("invalid answer: " + e.getMessage(), e);
    }
  }
}
