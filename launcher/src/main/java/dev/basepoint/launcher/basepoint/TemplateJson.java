package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.output.Json;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.TreeSet;

/** A template's description as JSON. The key {@code format} keeps its meaning in every version. */
public final class TemplateJson {
  /** Raised whenever an older program would misunderstand a template. */
  static final int FORMAT = 1;

  private static final String FORMAT_KEY = "format";

  private TemplateJson() {}

  /** The description as one line of JSON. */
  static String write(Template template) {
    return Json.write(toMap(template));
  }

  /** The description's members, also for {@code --json}. */
  public static SequencedMap<String, Object> toMap(Template template) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    map.put(FORMAT_KEY, FORMAT);
    map.put("kind", template.kind().key());
    map.put("name", template.name());
    map.put("tenant", template.tenant());
    map.put("created", template.created().toString());
    map.put("vmm", template.vmmVersion());
    map.put("memoryBytes", template.memoryBytes());
    map.put("vcpus", template.vcpus());
    map.put("cpu", cpu(template.cpu()));
    map.put("devices", template.devices().stream().map(TemplateJson::device).toList());
    map.put("disks", template.disks().stream().map(TemplateJson::disk).toList());
    SequencedMap<String, Object> files = new LinkedHashMap<>();
    template.files().forEach((name, file) -> files.put(name, content(file)));
    map.put("files", files);
    map.put("limits", limits(template.limits()));
    return map;
  }

  private static SequencedMap<String, Object> cpu(CpuFingerprint cpu) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    map.put("vendor", cpu.vendor());
    map.put("family", cpu.family());
    map.put("model", cpu.model());
    map.put("modelName", cpu.modelName());
    map.put("features", List.copyOf(cpu.features()));
    return map;
  }

  private static SequencedMap<String, Object> device(TemplateDevice device) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    map.put("name", device.name());
    map.put("type", device.type());
    map.put("identity", device.identity());
    return map;
  }

  private static SequencedMap<String, Object> disk(TemplateDisk disk) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    map.put("device", disk.device());
    switch (disk.base()) {
      case TemplateDisk.Reference reference -> {
        map.put("image", reference.path());
        map.put("content", content(reference.content()));
        map.put("modifiedNanos", reference.modifiedNanos());
      }
      case TemplateDisk.Own own -> map.put("file", own.file());
    }
    map.put("layers", disk.layers());
    return map;
  }

  private static SequencedMap<String, Object> content(StoredFile file) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    map.put("bytes", file.sizeBytes());
    map.put("pagesSha256", file.pagesSha256());
    return map;
  }

  private static SequencedMap<String, Object> limits(TemplateLimits limits) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    limits.maxForks().ifPresent(forks -> map.put("maxForks", forks));
    limits.maxAgeMillis().ifPresent(millis -> map.put("maxAgeMillis", millis));
    return map;
  }

  /**
   * Which version of the format a description has; later ones may be unreadable otherwise.
   *
   * @throws IOException if it is no description
   */
  static long format(JsonTree json) throws IOException {
    return json.whole(FORMAT_KEY);
  }

  /**
   * Reads a description of format {@link #FORMAT}.
   *
   * @throws IOException if something is missing or of another type
   */
  static Template read(JsonTree json) throws IOException {
    SequencedMap<String, StoredFile> files = new LinkedHashMap<>();
    JsonTree contents = json.tree("files");
    for (String name : contents.keys()) {
      files.put(name, content(contents.tree(name)));
    }
    try {
      return new Template(
          kind(json.text("kind")),
          json.text("name"),
          json.text("tenant"),
          Instant.parse(json.text("created")),
          json.text("vmm"),
          json.whole("memoryBytes"),
          Math.toIntExact(json.whole("vcpus")),
          cpu(json.tree("cpu")),
          devices(json.trees("devices")),
          disks(json.trees("disks")),
          files,
          limits(json.tree("limits")));
    } catch (DateTimeException | ArithmeticException | IllegalArgumentException e) {
      throw new IOException("a value is out of range: " + e.getMessage(), e);
    }
  }

  private static Template.Kind kind(String key) throws IOException {
    for (Template.Kind kind : Template.Kind.values()) {
      if (kind.key().equals(key)) {
        return kind;
      }
    }
    throw new IOException("kind is neither template nor snapshot");
  }

  private static CpuFingerprint cpu(JsonTree json) throws IOException {
    return new CpuFingerprint(
        json.text("vendor"),
        Math.toIntExact(json.whole("family")),
        Math.toIntExact(json.whole("model")),
        json.text("modelName"),
        new TreeSet<>(json.texts("features")));
  }

  private static List<TemplateDevice> devices(List<JsonTree> trees) throws IOException {
    List<TemplateDevice> devices = new ArrayList<>();
    for (JsonTree json : trees) {
      devices.add(new TemplateDevice(json.text("name"), json.text("type"), json.text("identity")));
    }
    return devices;
  }

  private static List<TemplateDisk> disks(List<JsonTree> trees) throws IOException {
    List<TemplateDisk> disks = new ArrayList<>();
    for (JsonTree json : trees) {
      TemplateDisk.Base base =
          json.has("file")
              ? new TemplateDisk.Own(json.text("file"))
              : new TemplateDisk.Reference(
                  json.text("image"), content(json.tree("content")), json.whole("modifiedNanos"));
      disks.add(new TemplateDisk(json.text("device"), base, json.texts("layers")));
    }
    return disks;
  }

  private static StoredFile content(JsonTree json) throws IOException {
    return new StoredFile(json.whole("bytes"), json.text("pagesSha256"));
  }

  private static TemplateLimits limits(JsonTree json) throws IOException {
    return new TemplateLimits(limit(json, "maxForks"), limit(json, "maxAgeMillis"));
  }

  private static OptionalLong limit(JsonTree json, String key) throws IOException {
    return json.has(key) ? OptionalLong.of(json.whole(key)) : OptionalLong.empty();
  }
}
