package dev.basepoint.launcher.fork;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.launcher.basepoint.ForkCounter;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateException;
import dev.basepoint.launcher.group.Identities;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;

/** One template, opened for forking: what its clones share, the pool, and the count of forks. */
final class TemplateForks implements AutoCloseable {
  private final CloneSource source;
  private final ForkCounter counter;
  private final Installation installation;
  private final SandboxLevel sandbox;
  private final PoolSettings settings;
  private final ClonePool pool;
  private final AtomicLong assembled = new AtomicLong();

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

  /** Forks counted so far. */
  long forks() {
    return counter.count();
  }

  /**
   * Makes a clone run.
   *
   * @throws TemplateException if the template's limits allow no further fork
   */
  Fork fork(ForkRequest request, ForkClock clock, CloneHost host) throws IOException {
    long number = takeNumber();
    PreparedClone clone = pool.poll();
    boolean warm = clone != null;
    if (!warm) {
      // Without rehearsal: it would take longer than it saves.
      clone = assemble(new PoolSettings(0, settings.memoryBytesMax(), 0));
    }
    clock.taken(warm);
    byte[] generationId = Identities.generationId();
    CloneIdentity identity =
        new CloneIdentity(
            request.name().orElse(source.template().name() + "-" + number),
            generationId,
            number,
            request.metadata().getBytes(StandardCharsets.UTF_8));
    ForkTimes times = clone.run(request, identity, clock, host);
    return new Fork(clone.vm(), number, HexFormat.of().formatHex(generationId), times);
  }

  private long takeNumber() throws IOException {
    synchronized (counter) {
      var exhausted =
          source
              .template()
              .limits()
              .exhausted(source.template().created(), Instant.now(), counter.count());
      if (exhausted.isPresent()) {
        throw new TemplateException(
            TemplateException.Reason.EXHAUSTED,
            "template " + source.template().name() + " cannot be forked: " + exhausted.get());
      }
      counter.increment();
      return counter.count();
    }
  }

  @Override
  public void close() {
    pool.close();
    source.close();
    counter.close();
  }
}
