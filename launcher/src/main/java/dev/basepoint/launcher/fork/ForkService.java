package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.basepoint.CpuFingerprint;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;

/** Forks templates. Each is opened when it is first asked for, and stays open with its pool. */
public final class ForkService implements AutoCloseable {
  private final Installation installation;
  private final TemplateStore store;
  private final SandboxLevel sandbox;
  private final Path overlayDirectory;
  private final Function<VmManifest, PoolSettings> settings;
  private final Map<String, TemplateForks> open = new LinkedHashMap<>();
  private boolean closed;

  /**
   * @param overlayDirectory on the file system that takes what clones write to their disks
   * @param settings of the pool for a template with this manifest
   */
  public ForkService(
      Installation installation,
      TemplateStore store,
      SandboxLevel sandbox,
      Path overlayDirectory,
      Function<VmManifest, PoolSettings> settings) {
    this.installation = installation;
    this.store = store;
    this.sandbox = sandbox;
    this.overlayDirectory = overlayDirectory;
    this.settings = settings;
  }

  /**
   * Makes a clone run.
   *
   * @param requestedNanos when the request came, as System.nanoTime
   * @throws TemplateException if the template is unknown, another tenant's, damaged, foreign or
   *     used up
   * @throws OverrideException if the request changes what the template does not have
   */
  public Fork fork(ForkRequest request, long requestedNanos, CloneHost host) throws IOException {
    TemplateForks forks = open(request.template(), request.tenant());
    OverrideException.check(request, forks.manifest());
    return forks.fork(request, new ForkClock(requestedNanos), host);
  }

  /**
   * Opens a template ahead of its first fork and waits until its pool is full, or cannot be filled,
   * or {@code timeout} has passed.
   *
   * @return how the pool stands then
   */
  public PoolStatus warm(String template, String tenant, Duration timeout)
      throws IOException, InterruptedException {
    ClonePool pool = open(template, tenant).pool();
    pool.awaitFull(timeout);
    return pool.status();
  }

  private synchronized TemplateForks open(String name, String tenant) throws IOException {
    if (closed) {
      throw new IOException("the daemon is about to end");
    }
    TemplateForks forks = open.get(name);
    if (forks != null && !forks.isCurrent()) {
      // Another command removed or replaced the template.
      open.remove(name);
      forks.close();
      forks = null;
    }
    if (forks == null) {
      forks = openNew(name, tenant);
      open.put(name, forks);
    }
    forks.template().requireTenant(tenant);
    return forks;
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
      return new TemplateForks(
          new CloneSource(template, manifest, memory, disks, overlayDirectory),
          store.forks(template.template()),
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
  public synchronized SequencedMap<String, PoolStatus> pools() {
    SequencedMap<String, PoolStatus> pools = new LinkedHashMap<>();
    open.forEach((name, forks) -> pools.put(name, forks.pool().status()));
    return pools;
  }

  /** Lets go of a template, which may be removed or replaced then; its clones go on. */
  public void close(String template) {
    TemplateForks forks;
    synchronized (this) {
      forks = open.remove(template);
    }
    if (forks != null) {
      forks.close();
    }
  }

  /** Lets go of all templates and ends all clones that wait. */
  @Override
  public void close() {
    List<TemplateForks> all;
    synchronized (this) {
      closed = true;
      all = List.copyOf(open.values());
      open.clear();
    }
    all.forEach(TemplateForks::close);
  }
}
