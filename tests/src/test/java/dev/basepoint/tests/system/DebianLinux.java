package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Debian's cloud kernel, its modules and a static busybox: as {@code .ci/linux-packages} has
 * unpacked them, or as they are installed.
 *
 * @param modules the directory of the kernel's modules
 */
record DebianLinux(Path kernel, Path modules, Path busybox) {
  /** In the order in which they can be inserted. */
  private static final List<String> MODULES =
      List.of(
          "virtio_ring",
          "virtio",
          "virtio_mmio",
          "virtio_pci_legacy_dev",
          "virtio_pci_modern_dev",
          "virtio_pci",
          "failover",
          "net_failover",
          "virtio_blk",
          "virtio_net",
          "virtio-rng");

  /** What the guest does with what is typed; each command ends with a line that says how. */
  private static final String INIT =
      """
      #!/bin/busybox sh
      /bin/busybox --install -s /bin
      export PATH=/bin
      mount -t proc proc /proc
      mount -t sysfs sys /sys
      mount -t devtmpfs dev /dev
      for module in MODULES; do insmod /modules/$module.ko; done
      exec </dev/ttyS0 >/dev/ttyS0 2>&1
      stty -echo
      echo "@ready"
      while read -r line; do
        eval "$line"
        echo "@done $?"
      done
      """;

  private static final String UDHCPC =
      """
      #!/bin/busybox sh
      [ "$1" != bound ] || { ip addr flush dev $interface; ip addr add $ip/$mask dev $interface; }
      """;

  /** Finds all of it, or skips the test with what is missing. */
  static DebianLinux find() throws IOException {
    Path unpacked = Launcher.root().resolve("tests/target/debian");
    for (Path root : List.of(unpacked, Path.of("/"))) {
      Optional<Path> kernel = kernel(root.resolve("boot"));
      Path busybox = root.resolve("bin/busybox");
      if (kernel.isEmpty() || !isStatic(busybox)) {
        continue;
      }
      String version = kernel.get().getFileName().toString().substring("vmlinuz-".length());
      for (String parent : List.of("lib/modules", "usr/lib/modules")) {
        Path modules = root.resolve(parent).resolve(version);
        if (Files.isDirectory(modules)) {
          return new DebianLinux(kernel.get(), modules, busybox);
        }
      }
    }
    assumeTrue(
        false,
        "no Debian cloud kernel and static busybox: run .ci/linux-packages tests/target/debian, or"
            + " install linux-image-cloud-amd64 and busybox-static");
    throw new AssertionError();
  }

  private static Optional<Path> kernel(Path boot) throws IOException {
    if (!Files.isDirectory(boot)) {
      return Optional.empty();
    }
    try (Stream<Path> files = Files.list(boot)) {
      return files
          .filter(file -> file.getFileName().toString().matches("vmlinuz-.*-cloud-amd64"))
          .max(Path::compareTo);
    }
  }

  /** Whether a program needs no interpreter, by what a dynamic one names in its first page. */
  private static boolean isStatic(Path program) throws IOException {
    if (!Files.isExecutable(program)) {
      return false;
    }
    try (var in = Files.newInputStream(program)) {
      String start = new String(in.readNBytes(4096), StandardCharsets.ISO_8859_1);
      return !start.contains("ld-linux");
    }
  }

  /** An initramfs that takes commands on the serial port. */
  byte[] initramfs() throws IOException {
    CpioArchive archive = new CpioArchive();
    for (String directory : List.of("bin", "dev", "proc", "sys", "mnt", "tmp", "modules", "etc")) {
      archive.directory(directory);
    }
    archive.file("bin/busybox", Files.readAllBytes(busybox));
    archive.file("etc/udhcpc.sh", UDHCPC.getBytes(StandardCharsets.UTF_8));
    for (String module : MODULES) {
      archive.file("modules/" + module + ".ko", Files.readAllBytes(module(module)));
    }
    String init = INIT.replace("MODULES", String.join(" ", MODULES));
    return archive.file("init", init.getBytes(StandardCharsets.UTF_8)).end();
  }

  private Path module(String name) throws IOException {
    try (Stream<Path> files = Files.walk(modules)) {
      return files
          .filter(file -> file.getFileName().toString().equals(name + ".ko"))
          .findFirst()
          .orElseThrow(() -> new IOException("no module " + name + " below " + modules));
    }
  }
}
