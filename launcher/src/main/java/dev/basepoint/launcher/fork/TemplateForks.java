package dev.basepoint.launcher.fork;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.launcher.basepoint.ForkCounter;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateException;
import dev.basepoint.launcher.group.Identities;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.ReadyPoint;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** One template, opened for forking: what its clones share, the pool, and the count of forks. */
final class TemplateForks implements AutoCloseable {
  /** Beside what the guest may take to its ready point. */
  private static final Duration BOOT_AND_STORE = Duration.ofMinutes(1);

  private final CloneSource source;
  private final ForkCounter counter;
  private final Installation installation;
  private final SandboxLevel sandbox;
  private final PoolSettings settings;
  private final ClonePool pool;
  private final AtomicLong assembled = new AtomicLong();

  /** Held by each fork, so that nothing is closed under its hands. */
  private final ReentrantReadWriteLock use = new ReentrantReadWriteLock();

  private boolean closed;

  /**
   * @param source owned from now on, as {@code counter} is
   */
  TemplateForks(
      CloneSource source,
      ForkCounter counter,
      Installation installation,
      SandboxLevel sandbox,
      PoolSettings settings) {
    this.source = source;
    this.counter = counter;
    this.installation = installation;
    this.sandbox = sandbox;
    this.settings = settings;
    pool = new ClonePool(source.template().name(), settings, () -> assemble(settings));
  }

  private PreparedClone assemble(PoolSettings settings) throws IOException {
    String name = source.template().name() + "~" + assembled.incrementAndGet();
    return PreparedClone.assemble(source, installation, sandbox, name, settings.warmUpRounds());
  }

  /** Whether the template is still the one in the store. */
  boolean isCurrent() {
    return source.isCurrent();
  }

  Template template() {
    return source.template();
  }

  VmManifest manifest() {
    return source.manifest();
  }

  ClonePool pool() {
    return pool;
  }

  /** How long making the template again may take, all in all. */
  Duration remakeTimeout() {
    return Duration.ofMillis(manifest().basepoint().timeoutMillis()).plus(BOOT_AND_STORE);
  }

  /** Whether the template's limits allow no further fork. */
  boolean isExhausted() {
    return exhausted().isPresent();
  }

  private Optional<String> exhausted() {
    Template template = template();
    return template.limits().exhausted(template.created(), Instant.now(), counter.count());
  }

  /** Whether it is time to make the template again, ahead of its end, and that can be done. */
  boolean isWearing() {
    Template template = template();
    if (manifest().basepoint().ready() instanceof ReadyPoint.Command) {
      return false;
    }
    use.readLock().lock();
    try {
      return !closed
          && template.limits().wearing(template.created(), Instant.now(), counter.count());
    } finally {
      use.readLock().unlock();
    }
  }

  /**
   * Makes a clone run.
   *
   * @return empty if the template was given up meanwhile, for another one of its name
   * @throws TemplateException if the template's limits allow no further fork
   */
  Optional<Fork> fork(ForkRequest request, ForkClock clock, CloneHost host) throws IOException {
    use.readLock().lock();
    try {
      return closed ? Optional.empty() : Optional.of(forkWhileOpen(request, clock, host));
    } finally {
      use.readLock().unlock();
    }
  }

  private Fork forkWhileOpen(ForkRequest request, ForkClock clock, CloneHost host)
      throws IOException {
    long number = takeNumber();
    byte[] generationId = Identities.generationId();
    // Before a clone is taken, which nobody would end if this failed.
    CloneIdentity identity =
        new CloneIdentity(
            request.name().orElseGet(() -> freeName(number, host)),
            generationId,
            number,
            request.metadata().getBytes(StandardCharsets.UTF_8));
    PreparedClone clone = pool.poll();
    boolean warm = clone != null;
    if (!warm) {
      // Without rehearsal: it would take longer than it saves.
      clone = assemble(new PoolSettings(0, settings.memoryBytesMax(), 0));
    }
    clock.taken(warm);
    ForkTimes times = clone.run(request, identity, clock, host);
    return new Fork(clone.vm(), number, HexFormat.of().formatHex(generationId), times);
  }

  /**
   * A name for a clone that was given none. A template that was made again counts from 1 again,
   * while clones of its predecessor may live.
   */
  private String freeName(long number, CloneHost host) {
    String name = defaultName(template().name(), Long.toString(number));
    for (int again = 2; !host.isFree(name); again++) {
      name = defaultName(template().name(), number + "-" + again);
    }
    return name;
  }

  static String defaultName(String template, String suffix) {
    int room = CloneIdentity.NAME_BYTES_MAX - suffix.length() - 1;
    String prefix = template.substring(0, Math.min(template.length(), room));
    return prefix.replaceAll("-+$", "") + "-" + suffix;
  }

  private long takeNumber() throws IOException {
    synchronized (counter) {
      Optional<String> exhausted = exhausted();
      if (exhausted.isPresent()) {
        throw new TemplateException(
            TemplateException.Reason.EXHAUSTED,
            "template " + source.template().name() + " cannot be forked: " + exhausted.get());
      }
      counter.increment();
      return counter.count();
    }
  }

  /** Waits for the forks under way; there are none afterwards. */
  @Override
  public void close() {
    use.writeLock().lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
    } finally {
      use.writeLock().unlock();
    }
    pool.close();
    source.close();
    counter.close();
  }
}
