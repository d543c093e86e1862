package dev.basepoint.launcher.manifest;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * Writes a model back as the keys and values of a manifest, every default spelled out. Loading the
 * result gives an equal model.
 */
public final class ManifestWriter {
  private ManifestWriter() {}

  /**
   * The manifest's keys in the order of the documentation; values are strings, numbers, lists,
   * maps.
   */
  public static SequencedMap<String, Object> write(VmManifest vm) {
    SequencedMap<String, Object> keys = new LinkedHashMap<>();
    keys.put("version", 1);
    keys.put("name", vm.name());
    keys.put("memory", ByteSize.format(vm.memoryBytes()));
    keys.put("vcpus", vm.vcpus());
    keys.put("kernel", kernel(vm.kernel()));
    vm.initrd().ifPresent(initrd -> keys.put("initrd", initrd.toString()));
    keys.put("cmdline", vm.commandLine());
    keys.put("console", console(vm.console()));
    List<Object> devices = new ArrayList<>();
    vm.devices().forEach(device -> devices.add(device(device)));
    keys.put("devices", devices);
    keys.put("basepoint", basepoint(vm.basepoint()));
    keys.put("timeouts", timeouts(vm.timeouts()));
    return keys;
  }

  private static SequencedMap<String, Object> basepoint(BasepointSpec basepoint) {
    SequencedMap<String, Object> keys = new LinkedHashMap<>();
    switch (basepoint.ready()) {
      case ReadyPoint.Doorbell _ -> keys.put("ready", VmManifestKeys.DOORBELL);
      case ReadyPoint.ConsoleLine line -> {
        keys.put("ready", VmManifestKeys.CONSOLE);
        keys.put("pattern", line.regex());
      }
      case ReadyPoint.Command _ -> keys.put("ready", VmManifestKeys.COMMAND);
    }
    keys.put("timeout", Durations.format(basepoint.timeoutMillis()));
    basepoint.maxForks().ifPresent(forks -> keys.put("maxForks", forks));
    basepoint.maxAgeMillis().ifPresent(millis -> keys.put("maxAge", Durations.format(millis)));
    keys.put("pool", basepoint.pool());
    basepoint
        .memoryBudgetBytes()
        .ifPresent(bytes -> keys.put("memoryBudget", ByteSize.format(bytes)));
    return keys;
  }

  private static String kernel(KernelImage kernel) {
    return switch (kernel) {
      case KernelImage.Probe probe -> VmManifestKeys.BUILTIN_PROBE;
      case KernelImage.ElfFile elf -> elf.path().toString();
    };
  }

  private static String console(ConsoleTarget console) {
    return switch (console) {
      case ConsoleTarget.Stdio stdio -> VmManifestKeys.STDIO;
      case ConsoleTarget.None none -> VmManifestKeys.NONE;
      case ConsoleTarget.LogFile log -> VmManifestKeys.FILE_PREFIX + log.path();
    };
  }

  private static SequencedMap<String, Object> timeouts(Timeouts timeouts) {
    SequencedMap<String, Object> keys = new LinkedHashMap<>();
    keys.put("start", Durations.format(timeouts.startMillis()));
    keys.put("stop", Durations.format(timeouts.stopMillis()));
    timeouts.runMillis().ifPresent(millis -> keys.put("run", Durations.format(millis)));
    return keys;
  }

  private static SequencedMap<String, Object> device(DeviceSpec device) {
    SequencedMap<String, Object> keys = new LinkedHashMap<>();
    keys.put("type", device.type());
    keys.put("name", device.name());
    switch (device) {
      case BlkSpec blk -> blk(keys, blk);
      case NetSpec net -> net(keys, net);
      case RngSpec rng -> rng(keys, rng);
    }
    return keys;
  }

  private static void blk(SequencedMap<String, Object> keys, BlkSpec blk) {
    switch (blk.source()) {
      case BlockSource.Image image -> {
        keys.put("image", image.path().toString());
        image.createSizeBytes().ifPresent(size -> keys.put("size", ByteSize.format(size)));
      }
      case BlockSource.Scratch scratch -> keys.put("scratch", ByteSize.format(scratch.sizeBytes()));
    }
    keys.put("readOnly", blk.readOnly());
    keys.put("cache", blk.cache().key());
    keys.put("serial", blk.serial());
    keys.put("queues", blk.queues());
    keys.put("queueSize", blk.queueSize());
    keys.put("blockSize", blk.blockSizeBytes());
    keys.put("discard", blk.discard());
  }

  private static void net(SequencedMap<String, Object> keys, NetSpec net) {
    keys.put("mac", net.mac().toString());
    keys.put("mtu", net.mtuBytes());
    keys.put("queueSize", net.queueSize());
    keys.put("offloads", net.offloads());
    keys.put("link", net.linkUp() ? "up" : "down");
    keys.put("backend", backend(net.backend()));
  }

  private static SequencedMap<String, Object> backend(NetBackend backend) {
    SequencedMap<String, Object> keys = new LinkedHashMap<>();
    switch (backend) {
      case NetBackend.Tap tap -> {
        keys.put("type", "tap");
        keys.put("device", tap.device());
        tap.netns().ifPresent(netns -> keys.put("netns", netns));
      }
      case NetBackend.Stream stream -> {
        keys.put("type", "stream");
        keys.put(stream.listen() ? "listen" : "connect", stream.socket().toString());
      }
      case NetBackend.Echo echo -> keys.put("type", "echo");
      case NetBackend.None none -> keys.put("type", "none");
    }
    return keys;
  }

  private static void rng(SequencedMap<String, Object> keys, RngSpec rng) {
    keys.put("queueSize", rng.queueSize());
    rng.bytesPerSecond().ifPresent(rate -> keys.put("bytesPerSecond", size(rate)));
    keys.put("requestMax", size(rng.requestBytesMax()));
  }

  private static Object size(long bytes) {
    return bytes % 1024 == 0 ? ByteSize.format(bytes) : (Object) bytes;
  }
}
