package dev.basepoint.launcher.manifest;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** Checks what no schema can: values against each other and against the host. */
final class SemanticChecks {
  private static final long MIB = 1 << 20;
  private static final long MEMORY_MIN_BYTES = 16 * MIB;
  private static final long MEMORY_MAX_BYTES = MIB << 20;

  /** SOCK: sun_path holds 108 bytes, the last of which is NUL. */
  private static final int SOCKET_PATH_BYTES_MAX = 107;

  private final HostFacts host;
  private final FileChecks files;
  private final Located located;
  private final Problems problems;

  SemanticChecks(HostFacts host, Located located, Problems problems) {
    this.host = host;
    this.located = located;
    this.problems = problems;
    this.files = new FileChecks(located, problems);
  }

  void check(VmManifest vm) {
    memory(vm.memoryBytes());
    if (vm.vcpus() > host.cpus()) {
      problems.warning(
          located.mark("vcpus"),
          "vcpus",
          vm.vcpus() + " virtual CPUs share the host's " + host.cpus(),
          "the guest runs, but its CPUs wait for each other");
    }
    if (vm.kernel() instanceof KernelImage.ElfFile elf) {
      files.readableFile(elf.path(), "kernel");
    }
    vm.initrd().ifPresent(initrd -> files.readableFile(initrd, "initrd"));
    if (vm.console() instanceof ConsoleTarget.LogFile log) {
      files.parentDirectory(log.path(), "console");
    }
    stopTimeout(vm.timeouts());
    devices(vm.devices());
    new BasepointChecks(located, problems).check(vm.basepoint());
  }

  private void memory(long bytes) {
    Mark mark = located.mark("memory");
    if (bytes < MEMORY_MIN_BYTES || bytes > MEMORY_MAX_BYTES) {
      long nearest = Math.clamp(bytes, MEMORY_MIN_BYTES, MEMORY_MAX_BYTES);
      problems.error(
          mark,
          "memory",
          "must be 16MiB to 1TiB, found " + ByteSize.format(bytes),
          "nearest valid value: " + ByteSize.format(nearest));
    } else if (bytes % MIB != 0) {
      problems.error(
          mark,
          "memory",
          "must be a whole number of MiB, found " + ByteSize.format(bytes),
          "nearest valid value: " + ByteSize.format((bytes + MIB / 2) / MIB * MIB));
    } else if (bytes > host.memoryBytes()) {
      problems.error(
          mark,
          "memory",
          ByteSize.format(bytes) + " is more than the host has",
          "the host has " + host.memoryBytes() / MIB + "MiB");
    } else if (bytes > host.availableBytes()) {
      problems.warning(
          mark,
          "memory",
          ByteSize.format(bytes) + " is more than the host has free",
          host.availableBytes() / MIB + "MiB are available");
    }
  }

  private void stopTimeout(Timeouts timeouts) {
    if (timeouts.stopMillis() > 60_000) {
      problems.error(
          located.mark("timeouts.stop"),
          "timeouts.stop",
          "must be at most 1m, found " + Durations.format(timeouts.stopMillis()),
          "nearest valid value: 1m");
    }
  }

  private void devices(List<DeviceSpec> devices) {
    Map<String, String> names = new HashMap<>();
    Map<String, String> serials = new HashMap<>();
    Map<String, String> macs = new HashMap<>();
    Map<String, String> peers = new HashMap<>();
    Map<String, String> images = new HashMap<>();
    for (int i = 0; i < devices.size(); i++) {
      String key = KeyPath.item("devices", i);
      DeviceSpec device = devices.get(i);
      unique(names, device.name(), KeyPath.child(key, "name"), "the name");
      switch (device) {
        case BlkSpec blk -> {
          unique(serials, blk.serial(), KeyPath.child(key, "serial"), "the serial");
          blk(blk, key, images);
        }
        case NetSpec net -> {
          unique(macs, net.mac().toString(), KeyPath.child(key, "mac"), "the MAC address");
          net(net, key, peers);
        }
        case RngSpec rng -> rng(rng, key);
      }
    }
  }

  private void unique(Map<String, String> seen, String value, String key, String what) {
    String earlier = seen.putIfAbsent(value, key);
    if (earlier != null) {
      problems.error(
          located.mark(key),
          key,
          what + " " + value + " is taken",
          earlier + " has it already (line " + located.mark(earlier).line() + ")");
    }
  }

  private void blk(BlkSpec blk, String key, Map<String, String> images) {
    switch (blk.source()) {
      case BlockSource.Scratch scratch ->
          wholeBlocks(scratch.sizeBytes(), blk, KeyPath.child(key, "scratch"));
      case BlockSource.Image image -> {
        String imageKey = KeyPath.child(key, "image");
        String earlier = images.putIfAbsent(image.path().toString(), imageKey);
        if (earlier != null) {
          problems.warning(located.mark(imageKey), imageKey, "is the same file as " + earlier, "");
        }
        image
            .createSizeBytes()
            .ifPresent(size -> wholeBlocks(size, blk, KeyPath.child(key, "size")));
        OptionalLong size = files.image(image, blk.readOnly(), imageKey);
        size.ifPresent(bytes -> wholeBlocks(bytes, blk, imageKey));
        sizeDiffers(image, size, KeyPath.child(key, "size"));
      }
    }
  }

  private void sizeDiffers(BlockSource.Image image, OptionalLong actual, String key) {
    OptionalLong wanted = image.createSizeBytes();
    if (wanted.isPresent() && actual.isPresent() && !wanted.equals(actual)) {
      problems.warning(
          located.mark(key),
          key,
          "the image exists and has " + ByteSize.format(actual.getAsLong()),
          "size is for creating it and is not applied");
    }
  }

  private void wholeBlocks(long bytes, BlkSpec blk, String key) {
    long block = blk.blockSizeBytes();
    if (bytes % block != 0 || bytes == 0) {
      problems.error(
          located.mark(key),
          key,
          bytes == 0
              ? "the image is empty"
              : "the size of " + bytes + " bytes is no multiple of the block size " + block,
          bytes == 0
              ? "give it a size with: truncate -s 64M FILE"
              : "nearest valid size: " + Math.max(block, bytes / block * block) + " bytes");
    }
  }

  private void net(NetSpec net, String key, Map<String, String> peers) {
    if (net.mac().isMulticast() || net.mac().bits() == 0) {
      String macKey = KeyPath.child(key, "mac");
      problems.error(
          located.mark(macKey),
          macKey,
          net.mac() + " is no address of a single interface",
          "nearest valid address: " + net.mac().unicast());
    }
    String backendKey = KeyPath.child(key, "backend");
    Optional<String> peer =
        switch (net.backend()) {
          case NetBackend.Tap tap -> {
            tap.netns().ifPresent(netns -> files.netns(netns, KeyPath.child(backendKey, "netns")));
            yield Optional.of("TAP " + tap.netns().orElse("") + "/" + tap.device());
          }
          case NetBackend.Stream stream -> {
            stream(stream, backendKey);
            yield Optional.of("socket " + stream.socket());
          }
          case NetBackend.Echo echo -> Optional.empty();
          case NetBackend.None none -> {
            linkWithoutPeer(net, key);
            yield Optional.empty();
          }
        };
    peer.ifPresent(
        name -> {
          String earlier = peers.putIfAbsent(name, backendKey);
          if (earlier != null) {
            problems.error(
                located.mark(backendKey), backendKey, "is the same as " + earlier, "use another");
          }
        });
  }

  private void linkWithoutPeer(NetSpec net, String key) {
    if (net.linkUp()) {
      String linkKey = KeyPath.child(key, "link");
      problems.error(
          located.mark(linkKey), linkKey, "cannot be up: the back end is none", "remove the key");
    }
  }

  private void stream(NetBackend.Stream stream, String backendKey) {
    String key = KeyPath.child(backendKey, stream.listen() ? "listen" : "connect");
    int length =
        stream.socket().toString().getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
    if (length > SOCKET_PATH_BYTES_MAX) {
      problems.error(
          located.mark(key),
          key,
          "the socket's path has " + length + " bytes",
          "the kernel takes at most " + SOCKET_PATH_BYTES_MAX);
    } else if (stream.listen()) {
      files.parentDirectory(stream.socket(), key);
    }
  }

  private void rng(RngSpec rng, String key) {
    String maxKey = KeyPath.child(key, "requestMax");
    if (rng.requestBytesMax() < 1 || rng.requestBytesMax() > MIB) {
      problems.error(
          located.mark(maxKey), maxKey, "must be 1 byte to 1MiB", "nearest valid value: 1MiB");
    }
  }
}
