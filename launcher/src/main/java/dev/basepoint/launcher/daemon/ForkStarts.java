package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.basepoint.TemplateException;
import dev.basepoint.launcher.basepoint.TemplateFailure;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.fork.Fork;
import dev.basepoint.launcher.fork.ForkRequest;
import dev.basepoint.launcher.fork.ForkService;
import dev.basepoint.launcher.fork.ForkTimes;
import dev.basepoint.launcher.fork.NetBackendText;
import dev.basepoint.launcher.fork.OverrideException;
import dev.basepoint.launcher.fork.PoolStatus;
import dev.basepoint.launcher.group.StartFailure;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmListener;
import dev.basepoint.launcher.manifest.NetBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** Starts VMs as forks of templates, or from snapshots. */
final class ForkStarts {
  private static final double NANOS_PER_MILLI = 1e6;

  private final ForkService service;
  private final VmRegistry registry;
  private final DaemonLog log;

  ForkStarts(ForkService service, VmRegistry registry, DaemonLog log) {
    this.service = service;
    this.registry = registry;
    this.log = log;
  }

  /** Brings the registry's refusals through code that knows only input and output to fail. */
  private static final class Refusal extends IOException {
    private static final long serialVersionUID = 1;

    private final transient CommandException refusal;

    Refusal(CommandException refusal) {
      super(refusal.getMessage(), refusal);
      this.refusal = refusal;
    }
  }

  /**
   * Forks a template and returns when the clone runs.
   *
   * @param requestedNanos when the request came, as System.nanoTime
   */
  SequencedMap<String, Object> fork(
      ApiRequest.ForkTemplate request, String tenant, long requestedNanos) throws CommandException {
    return start(forkRequest(request, tenant), "fork of " + request.template(), requestedNanos);
  }

  /**
   * Lets a VM go on from a snapshot, and lets go of the snapshot, which nobody else restores
   * meanwhile.
   *
   * @param requestedNanos when the request came, as System.nanoTime
   */
  synchronized SequencedMap<String, Object> restore(
      ApiRequest.RestoreVm request, String tenant, long requestedNanos) throws CommandException {
    String name = request.name().isEmpty() ? request.snapshot() : request.name();
    try {
      return start(
          new ForkRequest(request.snapshot(), tenant, Optional.of(name), "", Map.of(), Map.of()),
          "restore of " + request.snapshot(),
          requestedNanos);
    } finally {
      service.close(request.snapshot());
    }
  }

  private SequencedMap<String, Object> start(
      ForkRequest request, String origin, long requestedNanos) throws CommandException {
    Admission admission = new Admission(request.tenant(), origin);
    boolean running = false;
    try {
      Fork fork = service.fork(request, requestedNanos, admission);
      registry.adopt(admission.entry, fork.vm());
      running = true;
      SequencedMap<String, Object> facts = VmDescription.started(admission.entry);
      facts.put("fork", facts(fork));
      return facts;
    } catch (IOException e) {
      throw failure(e);
    } finally {
      if (!running && admission.entry != null) {
        registry.cancel(admission.entry);
      }
    }
  }

  /** Enters a clone into the registry. */
  private final class Admission implements dev.basepoint.launcher.fork.CloneHost {
    private final String tenant;
    private final String origin;
    private DaemonVm entry;

    Admission(String tenant, String origin) {
      this.tenant = tenant;
      this.origin = origin;
    }

    @Override
    public VmListener admit(Vm vm) throws IOException {
      try {
        entry =
            registry.reserve(vm.manifest(), tenant, origin, ColdStarts.memoryBytes(vm.manifest()));
      } catch (CommandException e) {
        throw new Refusal(e);
      }
      vm.console().relayOutput(ConsoleOutput.of(entry));
      registry.run(entry, vm);
      return entry.listener(log);
    }

    @Override
    public boolean isFree(String name) {
      return registry.isFree(name);
    }
  }

  private static ForkRequest forkRequest(ApiRequest.ForkTemplate request, String tenant)
      throws CommandException {
    Map<String, NetBackend> netBackEnds = new LinkedHashMap<>();
    Map<String, Path> disks = new LinkedHashMap<>();
    try {
      request
          .netBackEnds()
          .forEach((device, text) -> netBackEnds.put(device, NetBackendText.parse(text)));
      request.disks().forEach((device, path) -> disks.put(device, absolute(path)));
    } catch (IllegalArgumentException e) {
      throw new CommandException(ExitCode.INPUT_INVALID, e.getMessage(), e);
    }
    return new ForkRequest(
        request.template(),
        tenant,
        Optional.of(request.name()).filter(name -> !name.isEmpty()),
        request.metadata(),
        netBackEnds,
        disks);
  }

  private static Path absolute(String text) {
    Path path = Path.of(text);
    if (!path.isAbsolute()) {
      throw new IllegalArgumentException("the path of disk image " + text + " is not absolute");
    }
    return path;
  }

  /** Fills a template's pool. */
  SequencedMap<String, Object> warm(ApiRequest.WarmPool request, String tenant)
      throws CommandException {
    try {
      return facts(
          request.template(),
          service.warm(request.template(), tenant, Duration.ofMillis(request.waitMillis())));
    } catch (IOException e) {
      throw failure(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandException(ExitCode.WRONG_STATE, "the daemon is shutting down", e);
    }
  }

  /** How the pools stand. */
  SequencedMap<String, Object> pools() {
    return Facts.of(
        "pools",
        service.pools().entrySet().stream()
            .map(entry -> facts(entry.getKey(), entry.getValue()))
            .toList());
  }

  private static CommandException failure(IOException failure) {
    return switch (failure) {
      case Refusal refused -> refused.refusal;
      case OverrideException e -> new CommandException(ExitCode.INPUT_INVALID, e.getMessage(), e);
      case TemplateException e -> TemplateFailure.of(e);
      default -> StartFailure.of(failure);
    };
  }

  private static SequencedMap<String, Object> facts(Fork fork) {
    ForkTimes times = fork.times();
    return Facts.of(
        "clone_number",
        fork.cloneNumber(),
        "generation_id",
        fork.generationId(),
        "remade",
        times.remade(),
        "warm",
        times.warm(),
        "taken_ms",
        millis(times.takenNanos()),
        "overridden_ms",
        millis(times.overriddenNanos()),
        "running_ms",
        millis(times.runningNanos()));
  }

  private static SequencedMap<String, Object> facts(String template, PoolStatus pool) {
    SequencedMap<String, Object> facts =
        Facts.of(
            "template",
            template,
            "size",
            pool.size(),
            "waiting",
            pool.waiting(),
            "making",
            pool.making(),
            "made",
            pool.made(),
            "making_ms",
            millis(pool.makingNanos()),
            "clone_private_bytes",
            pool.cloneBytes());
    pool.trouble().ifPresent(trouble -> facts.put("trouble", trouble));
    return facts;
  }

  private static double millis(long nanos) {
    return Math.round(nanos / NANOS_PER_MILLI * 1000) / 1000.0;
  }
}
