package dev.basepoint.launcher.manifest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.basepoint.launcher.basepoint.ManifestYaml;
import dev.basepoint.launcher.output.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a manifest says arrives in the model. */
final class ManifestModelTest {
  private static final HostFacts HOST = new HostFacts(8, 8L << 30, 8L << 30);

  private static final String EVERYTHING =
      """
      version: 1
      name: web-1
      memory: 2GiB
      vcpus: 4
      kernel: vmlinux
      initrd: sub/initrd
      cmdline: [console=ttyS0, quiet]
      console: file:out/console.log
      devices:
        - type: blk
          name: root
          image: disk.img
          readOnly: true
          cache: direct
          serial: S-1
          queues: 2
          queueSize: 128
          blockSize: 4096
          discard: false
        - {type: blk, image: new.img, size: 3MiB}
        - {type: blk, scratch: 1GiB}
        - type: net
          name: lan
          mac: 02:AB:00:00:00:01
          mtu: 9000
          queueSize: 512
          offloads: false
          link: down
          backend: {type: tap, device: tap0, netns: /proc/self/ns/net}
        - {type: net, mac: 10:20:30:40:50:06, backend: {type: stream, connect: p.sock}}
        - {type: net, mac: 02:00:00:00:00:07, backend: {type: stream, listen: /tmp/q.sock}}
        - {type: net, mac: 02:00:00:00:00:08, backend: {type: none}}
        - {type: rng, bytesPerSecond: 1000, requestMax: 4KiB, queueSize: 8}
      basepoint:
        ready: console
        pattern: 'login: *$'
        timeout: 90s
        maxForks: 5000
        maxAge: 24h
        pool: 0
        memoryBudget: 1GiB
      timeouts: {start: 500ms, stop: 1m, run: 90s}
      """;

  @TempDir private Path directory;

  @BeforeEach
  void makeFiles() throws Exception {
    Files.createDirectories(directory.resolve("sub"));
    Files.createDirectories(directory.resolve("out"));
    Files.write(directory.resolve("vmlinux"), new byte[1]);
    Files.write(directory.resolve("sub/initrd"), new byte[1]);
    Files.write(directory.resolve("disk.img"), new byte[8192]);
  }

  private VmManifest load(String text) throws ManifestException {
    LoadedManifest loaded = new ManifestLoader(HOST).load(text, "m.yaml", directory);
    assertEquals(List.of(), loaded.warnings());
    return loaded.vm();
  }

  @Test
  void hasEveryKey() throws Exception {
    VmManifest expected =
        new VmManifest(
            "web-1",
            2L << 30,
            4,
            new KernelImage.ElfFile(directory.resolve("vmlinux")),
            Optional.of(directory.resolve("sub/initrd")),
            "console=ttyS0 quiet",
            new ConsoleTarget.LogFile(directory.resolve("out/console.log")),
            List.of(
                new BlkSpec(
                    "root",
                    new BlockSource.Image(directory.resolve("disk.img"), OptionalLong.empty()),
                    true,
                    CacheMode.DIRECT,
                    "S-1",
                    2,
                    128,
                    4096,
                    false),
                new BlkSpec(
                    "blk1",
                    new BlockSource.Image(directory.resolve("new.img"), OptionalLong.of(3 << 20)),
                    false,
                    CacheMode.WRITEBACK,
                    "blk1",
                    1,
                    256,
                    512,
                    true),
                new BlkSpec(
                    "blk2",
                    new BlockSource.Scratch(1 << 30),
                    false,
                    CacheMode.WRITEBACK,
                    "blk2",
                    1,
                    256,
                    512,
                    true),
                new NetSpec(
                    "lan",
                    new MacAddress(0x02ab00000001L),
                    9000,
                    512,
                    false,
                    false,
                    new NetBackend.Tap("tap0", Optional.of("/proc/self/ns/net"))),
                new NetSpec(
                    "net1",
                    new MacAddress(0x102030405006L),
                    1500,
                    256,
                    true,
                    true,
                    new NetBackend.Stream(directory.resolve("p.sock"), false)),
                new NetSpec(
                    "net2",
                    new MacAddress(0x020000000007L),
                    1500,
                    256,
                    true,
                    true,
                    new NetBackend.Stream(Path.of("/tmp/q.sock"), true)),
                new NetSpec(
                    "net3",
                    new MacAddress(0x020000000008L),
                    1500,
                    256,
                    true,
                    false,
                    new NetBackend.None()),
                new RngSpec("rng0", 8, OptionalLong.of(1000), 4096)),
            new BasepointSpec(
                new ReadyPoint.ConsoleLine("login: *$"),
                90_000,
                OptionalLong.of(5000),
                OptionalLong.of(86_400_000),
                0,
                OptionalLong.of(1 << 30)),
            new Timeouts(500, 60_000, OptionalLong.of(90_000)));
    assertEquals(expected, load(EVERYTHING));
  }

  @Test
  void survivesBeingWrittenOut() throws Exception {
    VmManifest vm = load(EVERYTHING);
    assertEquals(vm, load(Json.write(ManifestWriter.write(vm))));
  }

  @Test
  void hasDefaults() throws Exception {
    VmManifest vm = load("version: 1\n");
    assertEquals(
        new VmManifest(
            "vm",
            128L << 20,
            1,
            new KernelImage.Probe(),
            Optional.empty(),
            "",
            new ConsoleTarget.Stdio(),
            List.of(),
            BasepointSpec.DEFAULT,
            new Timeouts(30_000, 1_500, OptionalLong.empty())),
        vm);
  }

  @Test
  void isTheSameAfterBeingWrittenAsYaml() throws Exception {
    VmManifest vm = load(EVERYTHING);
    assertEquals(vm, load(ManifestYaml.write(vm)));
    String odd = "version: 1\ncmdline: \"a: 'b' # c \\\\ \\\"d\\\"\"\nname: null0\n";
    assertEquals(load(odd), load(ManifestYaml.write(load(odd))));
  }

  @Test
  void isNamedAfterItsFile() throws Exception {
    Path file = directory.resolve("my-vm.yaml");
    Files.writeString(file, "version: 1\n");
    assertEquals("my-vm", new ManifestLoader(HOST).load(file).vm().name());
    Path odd = directory.resolve("My VM.yaml");
    Files.writeString(odd, "version: 1\n");
    assertEquals("vm", new ManifestLoader(HOST).load(odd).vm().name());
  }

  @Test
  void derivesStableAddresses() throws Exception {
    String text = "version: 1\ndevices: [{type: net, backend: {type: echo}}]\n";
    MacAddress first = ((NetSpec) load(text).devices().getFirst()).mac();
    MacAddress again = ((NetSpec) load(text).devices().getFirst()).mac();
    MacAddress other = ((NetSpec) load("name: other\n" + text).devices().getFirst()).mac();
    assertEquals(first, again);
    assertFalse(first.equals(other));
    assertFalse(first.isMulticast());
    assertEquals("02:00:00:00:00:07", new MacAddress(0x020000000007L).toString());
  }

  @Test
  void warnsOfWhatIsOnlyOdd() throws Exception {
    HostFacts small = new HostFacts(1, 8L << 30, 64L << 20);
    LoadedManifest loaded =
        new ManifestLoader(small)
            .load(
                "version: 1\nvcpus: 2\ndevices: [{type: blk, image: disk.img, size: 4KiB}]\n",
                "m.yaml",
                directory);
    assertEquals(
        List.of(
            "m.yaml:1:1: warning: memory: 128MiB is more than the host has free; 64MiB are"
                + " available",
            "m.yaml:2:8: warning: vcpus: 2 virtual CPUs share the host's 1; the guest runs, but its"
                + " CPUs wait for each other",
            "m.yaml:3:46: warning: devices[0].size: the image exists and has 8KiB; size is for"
                + " creating it and is not applied"),
        loaded.warnings().stream().map(Problem::toString).toList());
  }

  @Test
  void sizesAndDurationsAreWrittenInTheirLargestUnit() {
    for (String size : List.of("1KiB", "1023KiB", "1MiB", "1025MiB", "3GiB", "2TiB")) {
      assertEquals(size, ByteSize.format(ByteSize.parse(size)));
    }
    assertEquals("1GiB", ByteSize.format(ByteSize.parse("1048576KiB")));
    assertEquals("513", ByteSize.format(513));
    for (String duration : List.of("1ms", "1500ms", "2s", "90s", "3m")) {
      assertEquals(duration, Durations.format(Durations.parseMillis(duration)));
    }
    assertEquals("1m", Durations.format(Durations.parseMillis("60s")));
  }
}
