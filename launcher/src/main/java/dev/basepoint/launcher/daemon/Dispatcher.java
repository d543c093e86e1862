package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.api.ApiProtocol;
import dev.basepoint.launcher.api.ApiReply;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.time.Duration;
import java.util.SequencedMap;
import java.util.function.Supplier;

/** Hands each request to whoever carries it out. A new kind of request is one more case here. */
final class Dispatcher {
  private final Supplier<SequencedMap<String, Object>> status;
  private final ColdStarts starts;
  private final VmOperations vms;
  private final ForkStarts forks;
  private final Captures captures;
  private final ForkStarts restores;

  /**
   * @param status tells about the daemon itself
   * @param forks of templates
   * @param restores of snapshots
   */
  Dispatcher(
      Supplier<SequencedMap<String, Object>> status,
      ColdStarts starts,
      VmOperations vms,
      ForkStarts forks,
      Captures captures,
      ForkStarts restores) {
    this.status = status;
    this.starts = starts;
    this.vms = vms;
    this.forks = forks;
    this.captures = captures;
    this.restores = restores;
  }

  /**
   * Carries a request out.
   *
   * @throws CommandException if that is refused or fails
   */
  ApiReply handle(Peer peer, ApiProtocol.Request request) throws CommandException {
    long receivedNanos = System.nanoTime();
    String tenant = tenant(peer, request.tenant());
    Duration patience = Duration.ofMillis(request.deadlineMillis());
    return switch (request.body()) {
      case ApiRequest.Hello(int version) -> hello(version);
      case ApiRequest.StartVm(String manifest, String sandbox, long startMicros) ->
          facts(VmDescription.started(starts.start(manifest, sandbox, tenant, startMicros)));
      case ApiRequest.ListVms(boolean all) -> facts(vms.list(all, status.get()));
      case ApiRequest.InspectVm(String vm) -> facts(vms.inspect(vm));
      case ApiRequest.StopVm(String vm, int patienceMillis) ->
          facts(vms.stop(vm, patienceMillis, patience));
      case ApiRequest.PauseVm(String vm) -> facts(vms.pause(vm, patience));
      case ApiRequest.ResumeVm(String vm) -> facts(vms.resume(vm, patience));
      case ApiRequest.ReadConsole(String vm, long position, int waitMillis) ->
          vms.readConsole(vm, position, waitMillis);
      case ApiRequest.WriteConsole(String vm, byte[] input) ->
          facts(vms.writeConsole(vm, input, patience));
      case ApiRequest.ForkTemplate fork -> facts(forks.fork(fork, tenant, receivedNanos));
      case ApiRequest.AwaitVm(String vm, int waitMillis) -> facts(vms.await(vm, waitMillis));
      case ApiRequest.ListPools() -> facts(forks.pools());
      case ApiRequest.WarmPool warm -> facts(forks.warm(warm, tenant));
      case ApiRequest.CaptureVm capture -> facts(captures.capture(capture, tenant));
      case ApiRequest.RestoreVm restore -> facts(restores.restore(restore, tenant, receivedNanos));
    };
  }

  private static ApiReply facts(SequencedMap<String, Object> facts) {
    return new ApiReply.Facts(facts);
  }

  private ApiReply hello(int version) throws CommandException {
    if (version != ApiProtocol.VERSION) {
      throw new CommandException(
          ExitCode.NO_DAEMON,
          "the daemon speaks version "
              + ApiProtocol.VERSION
              + " of its protocol, not "
              + version
              + "; restart it with the program that you use now");
    }
    return facts(status.get());
  }

  /** Whose objects a request is about. */
  private static String tenant(Peer peer, String named) throws CommandException {
    if (named.isEmpty() || named.equals(peer.tenant())) {
      return peer.tenant();
    }
    if (peer.uid() != 0) {
      throw new CommandException(
          ExitCode.PERMISSION_DENIED,
          "user " + peer.uid() + " may not act for tenant " + named + "; only root may");
    }
    return named;
  }
}
