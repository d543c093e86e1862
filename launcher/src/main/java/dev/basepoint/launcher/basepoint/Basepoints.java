package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Consumer;

/** What users ask about stored templates, answered as facts: text, numbers, lists and maps. */
public final class Basepoints {
  private final TemplateStore store;

  /** Answers about {@code store}. */
  public Basepoints(TemplateStore store) {
    this.store = store;
  }

  /** Every template in short, by name; {@code problem} says why one cannot be forked. */
  public SequencedMap<String, Object> list() throws IOException {
    List<Object> templates = new ArrayList<>();
    for (TemplateStore.Entry entry : store.list()) {
      SequencedMap<String, Object> facts = new LinkedHashMap<>();
      facts.put("name", entry.name());
      if (entry.template().isPresent()) {
        Template template = entry.template().get();
        facts.put("tenant", template.tenant());
        facts.put("created", template.created().toString());
        facts.put("memory_bytes", template.memoryBytes());
        facts.put("vcpus", template.vcpus());
        facts.put("devices", template.devices().stream().map(TemplateDevice::name).toList());
        facts.put("forks", store.forkCount(template));
      }
      entry
          .problem()
          .or(() -> obstacle(entry.name()))
          .ifPresent(
              problem -> {
                facts.put("problem", problem.reason().key());
                facts.put("problem_text", problem.getMessage());
              });
      templates.add(facts);
    }
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("templates", templates);
    return facts;
  }

  private Optional<TemplateException> obstacle(String name) {
    try (OpenTemplate open = store.open(name)) {
      requireUsable(open);
      return Optional.empty();
    } catch (TemplateException e) {
      return Optional.of(e);
    } catch (IOException e) {
      return Optional.of(new TemplateException(Reason.DAMAGED, e.getMessage(), e));
    }
  }

  /**
   * Whether a template may be forked on this host, as far as that shows without reading it all.
   *
   * @throws TemplateException if it may not
   */
  public void requireUsable(OpenTemplate open) throws IOException {
    open.requireHost(CpuFingerprint.read());
    open.requireBases();
    Template template = open.template();
    Optional<String> exhausted =
        template.limits().exhausted(template.created(), Instant.now(), store.forkCount(template));
    if (exhausted.isPresent()) {
      throw new TemplateException(
          Reason.EXHAUSTED,
          "template "
              + template.name()
              + " must be made anew: "
              + exhausted.get()
              + "; its clones share what its kernel chose at boot");
    }
  }

  /** Everything about one template. */
  public SequencedMap<String, Object> inspect(String name) throws IOException {
    try (OpenTemplate open = store.open(name)) {
      SequencedMap<String, Object> facts = TemplateJson.toMap(open.template());
      facts.put("forks", store.forkCount(open.template()));
      facts.put("disk_bytes", allocatedBytes(open));
      facts.put("manifest", open.manifest());
      obstacle(name).ifPresent(problem -> facts.put("problem", problem.getMessage()));
      return facts;
    }
  }

  private static long allocatedBytes(OpenTemplate open) throws IOException {
    long bytes = 0;
    for (String file : open.template().files().keySet()) {
      try (Fd fd = open.openFile(file)) {
        bytes += FileStatus.of(fd).allocatedBytes();
      }
    }
    return bytes;
  }

  /**
   * Reads all of a template and its images and checks each byte.
   *
   * @param step told what is being read
   * @throws TemplateException if something is not what was stored, or does not fit this host
   */
  public SequencedMap<String, Object> verify(String name, Consumer<String> step)
      throws IOException {
    long startNanos = System.nanoTime();
    try (OpenTemplate open = store.open(name)) {
      open.verify(step);
      open.requireHost(CpuFingerprint.read());
      SequencedMap<String, Object> facts = new LinkedHashMap<>();
      facts.put("name", name);
      facts.put("valid", true);
      facts.put("files", (long) open.template().files().size());
      facts.put("disk_bytes", allocatedBytes(open));
      facts.put("millis", (System.nanoTime() - startNanos) / 1_000_000);
      return facts;
    }
  }

  /** Removes a template of {@code tenant}'s. */
  public SequencedMap<String, Object> remove(String name, String tenant) throws IOException {
    store.remove(name, tenant);
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("name", name);
    facts.put("removed", true);
    return facts;
  }

  /** What was made. */
  public SequencedMap<String, Object> created(CreatedTemplate created, double millis)
      throws IOException {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    Template template = created.template();
    facts.put("name", template.name());
    facts.put("tenant", template.tenant());
    facts.put("created", template.created().toString());
    facts.put("memory_bytes", template.memoryBytes());
    facts.put("ram_bytes", created.ramBytes());
    try (OpenTemplate open = store.open(template.name())) {
      facts.put("disk_bytes", allocatedBytes(open));
    }
    facts.put("ready_ms", created.readyMillis());
    facts.put("total_ms", millis);
    return facts;
  }
}
