package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestLoader;
import dev.basepoint.launcher.output.Json;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The options that describe one device. Each is a key of the manifest, so that the same checks and
 * the same words apply.
 */
final class DeviceOptions {
  private static final Option IMAGE =
      Option.valued("--image", "FILE", "Raw image file or block device.");
  private static final Option SIZE =
      Option.valued("--size", "SIZE", "Creates the image, of this size, if there is none.");
  private static final Option READ_ONLY = Option.flag("--read-only", "The guest cannot write.");
  private static final Option CACHE =
      Option.valued("--cache", "MODE", "writeback (default), or direct for O_DIRECT.");
  private static final Option SERIAL =
      Option.valued("--serial", "TEXT", "What the disk answers to GET_ID.");
  private static final Option QUEUES =
      Option.valued("--queues", "N", "Number of request queues; 1 if not given.");
  private static final Option BLOCK_SIZE =
      Option.valued("--block-size", "BYTES", "Logical block size; 512 if not given.");
  private static final Option NO_DISCARD =
      Option.flag("--no-discard", "Offers neither DISCARD nor WRITE_ZEROES.");
  private static final Option QUEUE_SIZE =
      Option.valued("--queue-size", "N", "Largest queue size; 256 if not given.");
  private static final Option TAP =
      Option.valued("--tap", "NAME", "Back end: a TAP device of the host.");
  private static final Option NETNS =
      Option.valued("--netns", "NAME", "Network namespace that has the TAP.");
  private static final Option STREAM =
      Option.valued("--stream", "SOCKET", "Back end: the stream socket of passt or a QEMU.");
  private static final Option ECHO =
      Option.flag("--echo", "Back end: a built-in peer that answers ARP, ping and UDP echo.");
  private static final Option MAC =
      Option.valued("--mac", "ADDRESS", "The guest's address; derived from the name if not given.");
  private static final Option MTU =
      Option.valued("--mtu", "BYTES", "Largest packet; 1500 if not given.");
  private static final Option NO_OFFLOADS =
      Option.flag("--no-offloads", "Offers no checksum and segmentation offloads.");
  private static final Option RATE =
      Option.valued("--rate", "SIZE", "Most bytes per second, for example 64KiB; no limit else.");

  static final List<Option> BLK =
      List.of(IMAGE, SIZE, READ_ONLY, CACHE, SERIAL, QUEUES, QUEUE_SIZE, BLOCK_SIZE, NO_DISCARD);
  static final List<Option> NET =
      List.of(TAP, NETNS, STREAM, ECHO, MAC, MTU, QUEUE_SIZE, NO_OFFLOADS);
  static final List<Option> RNG = List.of(RATE, QUEUE_SIZE);

  /** The manifest's key of each option that has a value. */
  private static final Map<Option, String> KEYS =
      Map.ofEntries(
          Map.entry(IMAGE, "image"),
          Map.entry(SIZE, "size"),
          Map.entry(CACHE, "cache"),
          Map.entry(SERIAL, "serial"),
          Map.entry(QUEUES, "queues"),
          Map.entry(BLOCK_SIZE, "blockSize"),
          Map.entry(QUEUE_SIZE, "queueSize"),
          Map.entry(MAC, "mac"),
          Map.entry(MTU, "mtu"),
          Map.entry(RATE, "bytesPerSecond"));

  private static final Set<Option> NUMBERS = Set.of(QUEUES, BLOCK_SIZE, QUEUE_SIZE, MTU);

  private DeviceOptions() {}

  /**
   * Reads a device from its options.
   *
   * @throws ManifestException if anything is wrong with them; each problem names a manifest key
   */
  static DeviceSpec read(String type, List<Option> options, Arguments arguments, CliContext context)
      throws CommandException, ManifestException {
    Map<String, Object> device = new LinkedHashMap<>();
    device.put("type", type);
    for (Option option : options) {
      String key = KEYS.get(option);
      if (key != null && arguments.value(option).isPresent()) {
        device.put(key, value(option, arguments.value(option).get()));
      }
    }
    if (arguments.has(READ_ONLY)) {
      device.put("readOnly", true);
    }
    if (arguments.has(NO_DISCARD)) {
      device.put("discard", false);
    }
    if (arguments.has(NO_OFFLOADS)) {
      device.put("offloads", false);
    }
    if (type.equals("net")) {
      device.put("backend", backend(arguments));
    }
    Map<String, Object> manifest = new LinkedHashMap<>();
    manifest.put("version", 1);
    manifest.put("devices", List.of(device));
    return new ManifestLoader(context.host().get())
        .load(Json.write(manifest), "command line", Path.of("").toAbsolutePath())
        .vm()
        .devices()
        .getFirst();
  }

  private static Object value(Option option, String text) {
    return NUMBERS.contains(option) && text.matches("[0-9]{1,9}") ? Long.valueOf(text) : text;
  }

  private static Map<String, Object> backend(Arguments arguments) throws CommandException {
    List<Map<String, Object>> given = new ArrayList<>();
    if (arguments.value(TAP).isPresent()) {
      Map<String, Object> tap = new LinkedHashMap<>();
      tap.put("type", "tap");
      tap.put("device", arguments.value(TAP).get());
      arguments.value(NETNS).ifPresent(netns -> tap.put("netns", netns));
      given.add(tap);
    }
    arguments
        .value(STREAM)
        .ifPresent(socket -> given.add(Map.of("type", "stream", "connect", socket)));
    if (arguments.has(ECHO)) {
      given.add(Map.of("type", "echo"));
    }
    if (given.size() != 1) {
      throw new CommandException(
          ExitCode.USAGE, "give exactly one back end: --tap, --stream or --echo");
    }
    return given.getFirst();
  }
}
