package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.basepoint.CpuFingerprint;
import dev.basepoint.launcher.basepoint.ForkCounter;
import dev.basepoint.launcher.basepoint.FrozenDisk;
import dev.basepoint.launcher.basepoint.OpenTemplate;
import dev.basepoint.launcher.basepoint.TemplateException;
import dev.basepoint.launcher.basepoint.TemplateMemory;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestLoader;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Function;

/**
 * Forks templates. Each is opened when it is first asked for, and stays open with its pool. One
 * whose limits are near is made again meanwhile; one whose limits are reached, before the fork.
 */
public final class ForkService implements AutoCloseable {
  /** Others may use up a template that was just made again before a request gets its fork. */
  private static final int ATTEMPTS_MAX = 10;

  private final Installation installation;
  private final TemplateStore store;
  private final SandboxLevel sandbox;
  private final Path overlayDirectory;
  private final Function<VmManifest, PoolSettings> settings;
  private final TemplateEvents events;
  private final ConcurrentMap<String, TemplateSlot> slots = new ConcurrentHashMap<>();
  private volatile boolean closed;

  /**
   * @param overlayDirectory on the file system that takes what clones write to their disks
   * @param settings of the pool for a template with this manifest
   * @param events hears what happens without being asked for
   */
  public ForkService(
      Installation installation,
      TemplateStore store,
      SandboxLevel sandbox,
      Path overlayDirectory,
      Function<VmManifest, PoolSettings> settings,
      TemplateEvents events) {
    this.installation = installation;
    this.store = store;
    this.sandbox = sandbox;
    this.overlayDirectory = overlayDirectory;
    this.settings = settings;
    this.events = events;
  }

  /**
   * Makes a clone run.
   *
   * @param requestedNanos when the request came, as System.nanoTime
   * @throws TemplateException if the template is unknown, another tenant's, damaged, foreign, or
   *     used up and cannot be made again
   * @throws OverrideException if the request changes what the template does not have
   */
  public Fork fork(ForkRequest request, long requestedNanos, CloneHost host) throws IOException {
    TemplateSlot slot = slot(request.template());
    ForkClock clock = new ForkClock(requestedNanos);
    for (int attempt = 1; ; attempt++) {
      TemplateForks forks = slot.open(request.tenant());
      OverrideException.check(request, forks.manifest());
      try {
        Optional<Fork> fork = forks.fork(request, clock, host);
        slot.remakeAhead(forks);
        if (fork.isPresent()) {
          return fork.get();
        }
      } catch (TemplateException e) {
        if (e.reason() != TemplateException.Reason.EXHAUSTED || attempt == ATTEMPTS_MAX) {
          throw e;
        }
        slot.awaitRemade(forks, e);
        clock.remade();
      }
    }
  }

  /**
   * Opens a template ahead of its first fork and waits until its pool is full, or cannot be filled,
   * or {@code timeout} has passed.
   *
   * @return how the pool stands then
   */
  public PoolStatus warm(String template, String tenant, Duration timeout)
      throws IOException, InterruptedException {
    ClonePool pool = slot(template).open(tenant).pool();
    pool.awaitFull(timeout);
    return pool.status();
  }

  private TemplateSlot slot(String name) throws IOException {
    TemplateSlot slot = slots.get(name);
    if (slot == null) {
      // Only what was a template once has a slot, so that wrong names take no memory.
      store.open(name).close();
      slot = slots.computeIfAbsent(name, this::newSlot);
    }
    if (closed) {
      throw new IOException("the daemon is about to end");
    }
    return slot;
  }

  private TemplateSlot newSlot(String name) {
    return new TemplateSlot(
        name,
        tenant -> openNew(name, tenant),
        new BootRemaker(installation, store, sandbox),
        events);
  }

  private TemplateForks openNew(String name, String tenant) throws IOException {
    OpenTemplate template = store.open(name);
    List<AutoCloseable> opened = new ArrayList<>();
    opened.add(template);
    try {
      template.template().requireTenant(tenant);
      template.requireHost(CpuFingerprint.read());
      template.requireBases();
      VmManifest manifest = manifest(template);
      List<FrozenDisk> disks = template.openDisks();
      opened.addAll(disks);
      TemplateMemory memory = TemplateMemory.load(template, _ -> {});
      opened.add(memory);
      ForkCounter counter = store.forks(template.template());
      opened.add(counter);
      return new TemplateForks(
          new CloneSource(template, manifest, memory, disks, overlayDirectory),
          counter,
          installation,
          sandbox,
          settings.apply(manifest));
    } catch (IOException | RuntimeException e) {
      Closing.all(opened, e);
      throw e;
    }
  }

  private static VmManifest manifest(OpenTemplate template) throws IOException {
    String name = template.template().name();
    try {
      return new ManifestLoader(HostFacts.read())
          .load(template.manifest(), "manifest of template " + name, Path.of("/"))
          .vm();
    } catch (ManifestException e) {
      throw new TemplateException(TemplateException.Reason.FOREIGN, e.getMessage(), e);
    }
  }

  /** The pools of the templates that are open, by template. */
  public SequencedMap<String, PoolStatus> pools() {
    SequencedMap<String, PoolStatus> pools = new TreeMap<>();
    slots.forEach(
        (name, slot) -> {
          TemplateForks forks = slot.present();
          if (forks != null) {
            pools.put(name, forks.pool().status());
          }
        });
    return pools;
  }

  /** Lets go of a template, which may be removed or replaced then; its clones go on. */
  public void close(String template) {
    TemplateSlot slot = slots.remove(template);
    if (slot != null) {
      slot.close();
    }
  }

  /** Lets go of all templates and ends all clones that wait. */
  @Override
  public void close() {
    closed = true;
    slots.values().forEach(TemplateSlot::close);
  }
}
