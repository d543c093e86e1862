package dev.basepoint.launcher.manifest;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/** Makes the model from a value that the schema has accepted, filling in every default. */
final class ManifestDecoder {
  private static final long MIB = 1 << 20;

  private final Path directory;
  private final String defaultName;
  private final Map<String, Integer> countByType = new HashMap<>();

  /**
   * @param directory against which relative paths are resolved
   * @param defaultName the VM's name if the manifest has none
   */
  ManifestDecoder(Path directory, String defaultName) {
    this.directory = directory;
    this.defaultName = defaultName;
  }

  VmManifest decode(Value.Mapping root) {
    Fields fields = new Fields(root);
    String name = fields.text("name", defaultName);
    List<DeviceSpec> devices = new ArrayList<>();
    for (Value.Mapping device : fields.mappings("devices")) {
      devices.add(device(new Fields(device), name));
    }
    return new VmManifest(
        name,
        fields.bytes("memory", MIB, 128 * MIB),
        (int) fields.whole("vcpus", 1),
        kernel(fields.text("kernel", VmManifestKeys.BUILTIN_PROBE)),
        fields.optionalText("initrd").map(this::path),
        commandLine(root.get("cmdline")),
        console(fields.text("console", VmManifestKeys.STDIO)),
        devices,
        basepoint(fields.mapping("basepoint")),
        timeouts(fields.mapping("timeouts")));
  }

  private static BasepointSpec basepoint(Fields fields) {
    ReadyPoint ready =
        switch (fields.text("ready", VmManifestKeys.DOORBELL)) {
          case VmManifestKeys.CONSOLE -> new ReadyPoint.ConsoleLine(fields.text("pattern", ""));
          case VmManifestKeys.COMMAND -> new ReadyPoint.Command();
          default -> new ReadyPoint.Doorbell();
        };
    return new BasepointSpec(
        ready,
        fields.millis("timeout").orElse(BasepointSpec.DEFAULT.timeoutMillis()),
        fields.optionalWhole("maxForks"),
        fields.millis("maxAge"),
        (int) fields.whole("pool", BasepointSpec.DEFAULT.pool()),
        fields.optionalBytes("memoryBudget", 1));
  }

  private KernelImage kernel(String text) {
    return text.equals(VmManifestKeys.BUILTIN_PROBE)
        ? new KernelImage.Probe()
        : new KernelImage.ElfFile(path(text));
  }

  private static String commandLine(Value value) {
    return switch (value) {
      case Value.Text text -> text.text();
      case Value.Sequence words ->
          words.items().stream().map(Texts::literal).collect(Collectors.joining(" "));
      case null, default -> "";
    };
  }

  private ConsoleTarget console(String text) {
    return switch (text) {
      case VmManifestKeys.STDIO -> new ConsoleTarget.Stdio();
      case VmManifestKeys.NONE -> new ConsoleTarget.None();
      default ->
          new ConsoleTarget.LogFile(path(text.substring(VmManifestKeys.FILE_PREFIX.length())));
    };
  }

  private static Timeouts timeouts(Fields fields) {
    return new Timeouts(
        fields.millis("start").orElse(30_000),
        fields.millis("stop").orElse(1_500),
        fields.millis("run"));
  }

  private DeviceSpec device(Fields fields, String vmName) {
    String type = fields.text("type", "");
    int number = countByType.merge(type, 1, Integer::sum) - 1;
    String name = fields.text("name", type + number);
    return switch (type) {
      case "blk" -> blk(fields, name);
      case "net" -> net(fields, name, vmName);
      case "rng" ->
          new RngSpec(
              name,
              queueSize(fields),
              fields.optionalBytes("bytesPerSecond", 1),
              (int) fields.bytes("requestMax", 1, 64 * 1024));
      default -> throw new IllegalStateException("the schema let device type " + type + " through");
    };
  }

  private BlkSpec blk(Fields fields, String name) {
    BlockSource source =
        fields
            .optionalText("image")
            .<BlockSource>map(
                image -> new BlockSource.Image(path(image), fields.optionalBytes("size", 1)))
            .orElseGet(() -> new BlockSource.Scratch(fields.bytes("scratch", 1, 0)));
    return new BlkSpec(
        name,
        source,
        fields.bool("readOnly", false),
        CacheMode.ofKey(fields.text("cache", CacheMode.WRITEBACK.key())),
        fields.text("serial", name.substring(0, Math.min(name.length(), 20))),
        (int) fields.whole("queues", 1),
        queueSize(fields),
        (int) fields.whole("blockSize", 512),
        fields.bool("discard", true));
  }

  private NetSpec net(Fields fields, String name, String vmName) {
    NetBackend backend = backend(fields.mapping("backend"));
    String defaultLink = backend instanceof NetBackend.None ? "down" : "up";
    return new NetSpec(
        name,
        fields
            .optionalText("mac")
            .map(MacAddress::parse)
            .orElseGet(() -> MacAddress.derive(vmName, name)),
        (int) fields.whole("mtu", 1500),
        queueSize(fields),
        fields.bool("offloads", true),
        fields.text("link", defaultLink).equals("up"),
        backend);
  }

  private NetBackend backend(Fields fields) {
    return switch (fields.text("type", "")) {
      case "tap" -> new NetBackend.Tap(fields.text("device", ""), fields.optionalText("netns"));
      case "stream" ->
          fields
              .optionalText("listen")
              .map(socket -> new NetBackend.Stream(path(socket), true))
              .orElseGet(() -> new NetBackend.Stream(path(fields.text("connect", "")), false));
      case "echo" -> new NetBackend.Echo();
      case "none" -> new NetBackend.None();
      default -> throw new IllegalStateException("the schema let a back end type through");
    };
  }

  private static int queueSize(Fields fields) {
    return (int) fields.whole("queueSize", 256);
  }

  private Path path(String text) {
    return directory.resolve(text).normalize();
  }

  /** Typed access to a mapping's values. */
  private record Fields(Value.Mapping mapping) {
    String text(String key, String absent) {
      return optionalText(key).orElse(absent);
    }

    Optional<String> optionalText(String key) {
      return mapping.get(key) instanceof Value.Text text
          ? Optional.of(text.text())
          : Optional.empty();
    }

    long whole(String key, long absent) {
      return mapping.get(key) instanceof Value.Whole whole ? whole.number() : absent;
    }

    OptionalLong optionalWhole(String key) {
      return mapping.get(key) instanceof Value.Whole whole
          ? OptionalLong.of(whole.number())
          : OptionalLong.empty();
    }

    boolean bool(String key, boolean absent) {
      return mapping.get(key) instanceof Value.Bool bool ? bool.value() : absent;
    }

    long bytes(String key, long unitBytes, long absent) {
      return optionalBytes(key, unitBytes).orElse(absent);
    }

    /** A size with its unit, or a number of {@code unitBytes}. */
    OptionalLong optionalBytes(String key, long unitBytes) {
      return switch (mapping.get(key)) {
        case Value.Text text -> OptionalLong.of(ByteSize.parse(text.text()));
        case Value.Whole whole -> OptionalLong.of(whole.number() * unitBytes);
        case null, default -> OptionalLong.empty();
      };
    }

    OptionalLong millis(String key) {
      return mapping.get(key) instanceof Value.Text text
          ? OptionalLong.of(Durations.parseMillis(text.text()))
          : OptionalLong.empty();
    }

    Fields mapping(String key) {
      return mapping.get(key) instanceof Value.Mapping child
          ? new Fields(child)
          : new Fields(new Value.Mapping(mapping.mark(), new java.util.LinkedHashMap<>()));
    }

    List<Value.Mapping> mappings(String key) {
      return mapping.get(key) instanceof Value.Sequence sequence
          ? sequence.items().stream().map(Value.Mapping.class::cast).toList()
          : List.of();
    }
  }
}
