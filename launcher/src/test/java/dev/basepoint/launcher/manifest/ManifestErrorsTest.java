package dev.basepoint.launcher.manifest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every kind of mistake gets its place, its key and the nearest valid choice. */
final class ManifestErrorsTest {
  private static final HostFacts HOST = new HostFacts(4, 8L << 30, 8L << 30);

  @TempDir private Path directory;

  private record Mistake(String text, List<String> expected) {}

  private static Named<Mistake> mistake(String name, String text, String... expected) {
    return Named.of(name, new Mistake(text, List.of(expected)));
  }

  static Stream<Named<Mistake>> mistakes() {
    return Stream.of(
        mistake("empty", "", "m.yaml:1:1: the manifest is empty; see examples/probe.yaml"),
        mistake("only text", "hello\n", "m.yaml:1:1: must be a mapping, found \"hello\""),
        mistake("list", "- version: 1\n", "m.yaml:1:1: must be a mapping, found a list"),
        mistake("no version", "name: a\n", "m.yaml:1:1: lacks the key version"),
        mistake("version 2", "version: 2\n", "m.yaml:1:10: version: must be 1, found 2"),
        mistake(
            "unknown key",
            "version: 1\nmemroy: 64MiB\n",
            "m.yaml:2:1: memroy: unknown key; did you mean memory?"),
        mistake(
            "unknown key with nothing near",
            "version: 1\ntimeouts:\n  elephants: 3\n",
            "m.yaml:3:3: timeouts.elephants: unknown key; keys here: start, stop, run"),
        mistake(
            "pattern without a console",
            "version: 1\nbasepoint: {pattern: x}\n",
            "m.yaml:2:22: basepoint.pattern: needs ready: console; add it, or remove the pattern"),
        mistake(
            "console without a pattern",
            "version: 1\nbasepoint: {ready: console}\n",
            "m.yaml:2:20: basepoint.ready: needs the key pattern; say what to look for, for example"
                + " pattern: 'login:'"),
        mistake(
            "pattern that is none",
            "version: 1\nbasepoint: {ready: console, pattern: 'a('}\n",
            "m.yaml:2:38: basepoint.pattern: is no regular expression: Unclosed group; put a"
                + " backslash before each of ( ) [ ] { } ? * + . | that is meant as it stands"),
        mistake(
            "ready by something else",
            "version: 1\nbasepoint: {ready: dorbell, maxAge: 2 days}\n",
            "m.yaml:2:20: basepoint.ready: must be one of doorbell, console, command; found"
                + " \"dorbell\"; did you mean doorbell?",
            "m.yaml:2:37: basepoint.maxAge: must be a duration with its unit (for example 30s),"
                + " found \"2 days\"; did you mean 48h?"),
        mistake(
            "duplicate key",
            "version: 1\nname: a\nname: b\n",
            "m.yaml:3:1: name: the key is given twice; line 2 has it already"),
        mistake(
            "wrong type",
            "version: 1\nvcpus: \"2\"\n",
            "m.yaml:2:8: vcpus: must be a whole number, found \"2\"; write 2 without quotes"),
        mistake(
            "nothing",
            "version: 1\nvcpus:\n",
            "m.yaml:2:7: vcpus: must be a whole number, found \"\""),
        mistake(
            "number out of range",
            "version: 1\nvcpus: 9\n",
            "m.yaml:2:8: vcpus: must be 1 to 8, found 9; nearest valid value: 8"),
        mistake(
            "fraction",
            "version: 1\nvcpus: 1.5\n",
            "m.yaml:2:8: vcpus: must be a whole number, found 1.5"),
        mistake(
            "size with a decimal unit",
            "version: 1\nmemory: 512MB\n",
            "m.yaml:2:9: memory: must be a size, or a whole number of MiB (for example 512MiB),"
                + " found \"512MB\"; did you mean 512MiB?"),
        mistake(
            "memory too small",
            "version: 1\nmemory: 1MiB\n",
            "m.yaml:2:9: memory: must be 16MiB to 1TiB, found 1MiB; nearest valid value: 16MiB"),
        mistake(
            "memory beyond the host",
            "version: 1\nmemory: 16GiB\n",
            "m.yaml:2:9: memory: 16GiB is more than the host has; the host has 8192MiB"),
        mistake(
            "memory not whole",
            "version: 1\nmemory: 20481KiB\n",
            "m.yaml:2:9: memory: must be a whole number of MiB, found 20481KiB; nearest valid"
                + " value: 20MiB"),
        mistake(
            "duration without unit",
            "version: 1\ntimeouts: {start: 30}\n",
            "m.yaml:2:19: timeouts.start: must be a duration with its unit (for example 30s), found"
                + " 30; did you mean 30s?"),
        mistake(
            "missing kernel",
            "version: 1\nkernel: no/such/vmlinux\n",
            "m.yaml:2:9: kernel: DIR/no/such/vmlinux does not exist"),
        mistake(
            "console",
            "version: 1\nconsole: tty\n",
            "m.yaml:2:10: console: must be stdio, none or file:PATH (for example stdio), found"
                + " \"tty\""),
        mistake(
            "device without type",
            "version: 1\ndevices:\n  - name: a\n",
            "m.yaml:3:5: devices[0]: lacks the key type"),
        mistake(
            "device of unknown type",
            "version: 1\ndevices:\n  - type: blok\n",
            "m.yaml:3:11: devices[0].type: must be one of blk, net, rng; found \"blok\"; did you"
                + " mean blk?"),
        mistake(
            "key of another device",
            "version: 1\ndevices:\n  - type: rng\n    mtu: 9000\n",
            "m.yaml:4:5: devices[0].mtu: unknown key; keys here: type, name, queueSize,"
                + " bytesPerSecond, requestMax"),
        mistake(
            "disk without source",
            "version: 1\ndevices:\n  - type: blk\n",
            "m.yaml:3:5: devices[0]: lacks a key: give one of image or scratch"),
        mistake(
            "disk with two sources",
            "version: 1\ndevices:\n  - type: blk\n    image: a\n    scratch: 1MiB\n",
            "m.yaml:5:5: devices[0].scratch: excludes image; keep either image or scratch"),
        mistake(
            "size without image",
            "version: 1\ndevices:\n  - type: blk\n    scratch: 1MiB\n    size: 1MiB\n",
            "m.yaml:5:5: devices[0].size: needs the key image"),
        mistake(
            "boolean word",
            "version: 1\ndevices:\n  - type: blk\n    scratch: 1MiB\n    readOnly: yes\n",
            "m.yaml:5:15: devices[0].readOnly: must be true or false, found \"yes\"; write true"),
        mistake(
            "choice",
            "version: 1\ndevices:\n  - type: blk\n    scratch: 1MiB\n    cache: writebak\n",
            "m.yaml:5:12: devices[0].cache: must be one of writeback, direct; found \"writebak\";"
                + " did you mean writeback?"),
        mistake(
            "queue size",
            "version: 1\ndevices:\n  - type: rng\n    queueSize: 200\n",
            "m.yaml:4:16: devices[0].queueSize: must be one of 8, 16, 32, 64, 128, 256, 512, 1024;"
                + " found 200; nearest valid value: 256"),
        mistake(
            "image missing",
            "version: 1\ndevices:\n  - type: blk\n    image: disk.img\n",
            "m.yaml:4:12: devices[0].image: DIR/disk.img does not exist; give a size to have it"
                + " created"),
        mistake(
            "image misspelt",
            "version: 1\ndevices:\n  - type: blk\n    image: exsting.img\n",
            "m.yaml:4:12: devices[0].image: DIR/exsting.img does not exist; did you mean"
                + " existing.img?"),
        mistake(
            "image not in blocks",
            "version: 1\ndevices:\n  - {type: blk, image: existing.img, blockSize: 4096}\n",
            "m.yaml:3:24: devices[0].image: the size of 1024 bytes is no multiple of the block size"
                + " 4096; nearest valid size: 4096 bytes"),
        mistake(
            "image empty",
            "version: 1\ndevices:\n  - {type: blk, image: empty.img}\n",
            "m.yaml:3:24: devices[0].image: the image is empty; give it a size with: truncate -s"
                + " 64M FILE"),
        mistake(
            "names and serials taken",
            "version: 1\ndevices:\n"
                + "  - {type: blk, scratch: 1MiB, name: a, serial: x}\n"
                + "  - {type: blk, scratch: 1MiB, name: a, serial: x}\n",
            "m.yaml:4:38: devices[1].name: the name a is taken; devices[0].name has it already"
                + " (line 3)",
            "m.yaml:4:49: devices[1].serial: the serial x is taken; devices[0].serial has it"
                + " already (line 3)"),
        mistake(
            "default name taken",
            "version: 1\ndevices:\n  - {type: rng, name: blk0}\n  - {type: blk, scratch: 1MiB}\n",
            "m.yaml:4:5: devices[1].name: the name blk0 is taken; devices[0].name has it already"
                + " (line 3)"),
        mistake(
            "no backend",
            "version: 1\ndevices:\n  - type: net\n",
            "m.yaml:3:5: devices[0]: lacks the key backend"),
        mistake(
            "multicast MAC",
            "version: 1\n"
                + "devices:\n"
                + "  - {type: net, mac: '01:00:5e:00:00:01', backend: {type: echo}}\n",
            "m.yaml:3:22: devices[0].mac: 01:00:5e:00:00:01 is no address of a single interface;"
                + " nearest valid address: 02:00:5e:00:00:01"),
        mistake(
            "MAC with dashes",
            "version: 1\n"
                + "devices:\n"
                + "  - {type: net, mac: 02-00-5e-00-00-01, backend: {type: echo}}\n",
            "m.yaml:3:22: devices[0].mac: must be six hexadecimal bytes with colons (for example"
                + " 02:00:00:12:34:56), found \"02-00-5e-00-00-01\"; did you mean"
                + " 02:00:5e:00:00:01?"),
        mistake(
            "MAC taken",
            "version: 1\ndevices:\n"
                + "  - {type: net, mac: 02:00:5e:00:00:01, backend: {type: echo}}\n"
                + "  - {type: net, mac: 02:00:5E:00:00:01, backend: {type: echo}}\n",
            "m.yaml:4:22: devices[1].mac: the MAC address 02:00:5e:00:00:01 is taken;"
                + " devices[0].mac has it already (line 3)"),
        mistake(
            "backend key",
            "version: 1\ndevices:\n  - {type: net, backend: {type: tap, devcie: tap0}}\n",
            "m.yaml:3:26: devices[0].backend: lacks the key device",
            "m.yaml:3:38: devices[0].backend.devcie: unknown key; did you mean device?"),
        mistake(
            "namespace missing",
            "version: 1\ndevices:\n"
                + "  - {type: net, backend: {type: tap, device: t, netns: no-such-ns-x}}\n",
            "m.yaml:3:56: devices[0].backend.netns: there is no network namespace no-such-ns-x;"
                + " create it with: ip netns add no-such-ns-x"),
        mistake(
            "TAP shared",
            "version: 1\ndevices:\n"
                + "  - {type: net, backend: {type: tap, device: t}}\n"
                + "  - {type: net, backend: {type: tap, device: t}}\n",
            "m.yaml:4:26: devices[1].backend: is the same as devices[0].backend; use another"),
        mistake(
            "link up without back end",
            "version: 1\ndevices:\n  - {type: net, link: up, backend: {type: none}}\n",
            "m.yaml:3:23: devices[0].link: cannot be up: the back end is none; remove the key"),
        mistake(
            "too many devices",
            "version: 1\ndevices: [" + "{type: rng}, ".repeat(16) + "{type: rng}]\n",
            "m.yaml:2:10: devices: must have at most 16 entries, found 17"),
        mistake(
            "several at once",
            "version: 1\nvcpus: 0\nmemroy: 1\nconsole: 5\n",
            "m.yaml:2:8: vcpus: must be 1 to 8, found 0; nearest valid value: 1",
            "m.yaml:3:1: memroy: unknown key; did you mean memory?",
            "m.yaml:4:10: console: must be stdio, none or file:PATH (for example stdio), found 5;"
                + " write it in quotes"),
        mistake(
            "bad YAML",
            "version: 1\n name: a\n",
            "m.yaml:2:6: not YAML: mapping values are not allowed here"),
        mistake(
            "alias",
            "version: 1\nname: &n a\ninitrd: *n\n",
            "m.yaml:3:9: initrd: aliases are not supported; write the value of *n out here"),
        mistake(
            "tag",
            "version: 1\nname: !!binary aGk=\n",
            "m.yaml:2:7: name: YAML tags are not supported; remove the word that begins with !"),
        mistake(
            "two documents",
            "version: 1\n---\nversion: 1\n",
            "m.yaml:3:1: a second document begins here; keep one"),
        mistake(
            "bad JSON",
            "{\"version\": 1,}",
            "m.yaml:1:15: not JSON: Unexpected character ('}' (code 125)): was expecting"
                + " double-quote to start field name"),
        mistake(
            "JSON with a wrong value",
            "{\n\t\"version\": 1,\n\t\"vcpus\": 12\n}\n",
            "m.yaml:3:11: vcpus: must be 1 to 8, found 12; nearest valid value: 8"),
        mistake(
            "terminal sequence",
            "version: 1\nname: \"\\e[31m\"\n",
            "m.yaml:2:7: name: must be a name of lower-case letters, digits and inner dashes (for"
                + " example probe), found \"\\u001b[31m\""));
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void isReportedWithItsPlace(Mistake mistake) throws Exception {
    Files.write(directory.resolve("existing.img"), new byte[1024]);
    Files.write(directory.resolve("empty.img"), new byte[0]);
    ManifestException refused =
        assertThrows(
            ManifestException.class,
            () -> new ManifestLoader(HOST).load(mistake.text, "m.yaml", directory));
    List<String> actual =
        refused.problems().stream()
            .map(Problem::toString)
            .map(line -> line.replace(directory.toString(), "DIR"))
            .toList();
    assertEquals(String.join("\n", mistake.expected), String.join("\n", actual));
  }

  @Test
  void sizeIsBounded() throws Exception {
    Path file = directory.resolve("big.yaml");
    Files.writeString(file, "version: 1\n#" + "x".repeat(1 << 20) + "\n");
    ManifestException refused =
        assertThrows(ManifestException.class, () -> new ManifestLoader(HOST).load(file));
    assertEquals(file + ":1:1: the manifest is larger than 1MiB", refused.getMessage());
  }

  @Test
  void depthIsBounded() {
    String text = "version: 1\ndevices: " + "[".repeat(5000) + "]".repeat(5000) + "\n";
    ManifestException refused =
        assertThrows(
            ManifestException.class,
            () -> new ManifestLoader(HOST).load(text, "m.yaml", directory));
    assertEquals(1, refused.problems().size());
  }

  @Test
  void textMustBeUtf8() throws Exception {
    Path file = directory.resolve("latin1.yaml");
    Files.write(file, new byte[] {'n', ':', ' ', (byte) 0xe4, '\n'});
    ManifestException refused =
        assertThrows(ManifestException.class, () -> new ManifestLoader(HOST).load(file));
    assertEquals(file + ":1:1: the manifest is not UTF-8 text", refused.getMessage());
  }
}
