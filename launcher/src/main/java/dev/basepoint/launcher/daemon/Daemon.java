package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.api.ApiProtocol;
import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.cli.Version;
import dev.basepoint.launcher.fork.ForkService;
import dev.basepoint.launcher.fork.PoolSettings;
import dev.basepoint.launcher.fork.TemplateEvents;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.sandbox.jail.Jail;
import dev.basepoint.sandbox.jail.Privilege;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SequencedMap;

/** The daemon of a state directory: its lock, its API and its VMs. */
public final class Daemon implements AutoCloseable {
  /** A snapshot is restored once and then let go of. */
  private static final PoolSettings NO_POOL = new PoolSettings(0, 0, 0);

  private final DaemonPaths paths;
  private final DaemonOptions options;
  private final DaemonLock lock;
  private final MemoryBudget budget;
  private final VmRegistry registry;
  private final ForkService forks;
  private final ForkService restores;
  private final ApiServer server;
  private boolean closed;

  private Daemon(
      DaemonPaths paths,
      int uid,
      Installation installation,
      DaemonOptions options,
      DaemonLock lock,
      DaemonLog log)
      throws IOException {
    this.paths = paths;
    this.options = options;
    this.lock = lock;
    this.budget = new MemoryBudget(options.memoryBytes(), () -> HostFacts.read().availableBytes());
    this.registry = new VmRegistry(options.vmsMax(), budget, log);
    TemplateStore templates = TemplateStore.of(paths.state(), Template.Kind.TEMPLATE);
    TemplateStore snapshots = TemplateStore.of(paths.state(), Template.Kind.SNAPSHOT);
    Path state = paths.state().path();
    this.forks =
        new ForkService(
            installation,
            templates,
            SandboxLevel.STRICT,
            state,
            manifest -> PoolSettings.of(manifest.basepoint()),
            logged(log));
    this.restores =
        new ForkService(
            installation, snapshots, SandboxLevel.STRICT, state, _ -> NO_POOL, logged(log));
    Dispatcher dispatcher =
        new Dispatcher(
            this::status,
            new ColdStarts(installation, registry, log),
            new VmOperations(registry),
            new ForkStarts(forks, registry, log),
            new Captures(registry, templates, snapshots),
            new ForkStarts(restores, registry, log));
    this.server = ApiServer.open(paths.socket(), uid, dispatcher, log);
  }

  /**
   * Starts to serve.
   *
   * @param log hears what the daemon does
   * @throws CommandException if another daemon serves the directory, or it cannot be used
   */
  public static Daemon open(
      DaemonPaths paths, Installation installation, DaemonOptions options, DaemonLog log)
      throws CommandException {
    DaemonLock lock = null;
    try {
      int uid = Privilege.own().uid();
      paths.prepare(uid);
      lock = DaemonLock.take(paths);
      Jail.removeAbandonedGroups();
      return new Daemon(paths, uid, installation, options, lock, log);
    } catch (IOException e) {
      release(lock);
      throw new CommandException(
          ExitCode.SYSTEM_ERROR, "cannot serve " + paths.state().path() + ": " + e.getMessage(), e);
    }
  }

  private static TemplateEvents logged(DaemonLog log) {
    return new TemplateEvents() {
      @Override
      public void onRemade(String template, long millis) {
        log.log("template-remade", Facts.of("template", template, "millis", millis));
      }

      @Override
      public void onRemakeFailed(String template, String reason) {
        log.log("template-not-remade", Facts.of("template", template, "reason", reason));
      }
    };
  }

  private static void release(DaemonLock lock) {
    try (lock) {
      return;
    } catch (IOException e) {
      // It ends with the process.
    }
  }

  /** Facts about the daemon itself. */
  public SequencedMap<String, Object> status() {
    return Facts.of(
        "pid",
        ProcessHandle.current().pid(),
        "version",
        Version.text(),
        "protocol",
        ApiProtocol.VERSION,
        "state",
        paths.state().path().toString(),
        "socket",
        paths.socket().toString(),
        "vms_max",
        options.vmsMax(),
        "memory_budget_bytes",
        budget.limitBytes(),
        "memory_reserved_bytes",
        budget.reservedBytes());
  }

  /** Ends all VMs, then the API. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    registry.close();
    forks.close();
    restores.close();
    server.close();
    release(lock);
  }
}
