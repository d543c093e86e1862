package dev.basepoint.launcher.basepoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Small templates to store; which one it is can be told from its RAM. */
final class Sample {
  static final String TENANT = "uid-1";
  static final String NAME = "sample";
  static final long RAM_BYTES = 3 * 4096;
  static final CpuFingerprint CPU =
      new CpuFingerprint("Vendor", 25, 17, "Model name", new TreeSet<>(List.of("fpu", "sse2")));

  private Sample() {}

  static TemplateStore store(Path directory) {
    return new TemplateStore(directory, Template.Kind.TEMPLATE, new LinuxStoreFiles());
  }

  /** RAM of making {@code number}: a page of random bytes, a hole, and half a page. */
  static Fd ram(int number) throws IOException {
    Fd ram = MemFd.create("sample-ram", RAM_BYTES);
    byte[] bytes = new byte[4096];
    new Random(number).nextBytes(bytes);
    write(ram, bytes, 0);
    write(ram, new byte[] {1, (byte) number}, 2 * 4096 + 2048);
    return ram;
  }

  static void write(Fd fd, byte[] bytes, long offset) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(bytes.length);
      segment.copyFrom(MemorySegment.ofArray(bytes));
      assertEquals(
          bytes.length,
          ErrnoException.check(Syscalls.pwrite(fd.number(), segment, offset), "write"));
    }
  }

  static Template make(TemplateStore store, int number, boolean replace) throws IOException {
    return make(store, number, replace, List.of());
  }

  /** Makes template {@link #NAME} with content that depends on {@code number}. */
  static Template make(
      TemplateStore store, int number, boolean replace, List<TemplateDisk> moreDisks)
      throws IOException {
    try (TemplateDraft draft = store.begin(NAME, TENANT, replace)) {
      Template template = fill(draft, number, moreDisks);
      draft.commit(template);
      return template;
    }
  }

  /** Makes {@code worn} again, with other content. */
  static Template makeAgain(TemplateStore store, int number, Template worn) throws IOException {
    try (TemplateDraft draft = store.beginAgain(worn)) {
      Template template = fill(draft, number);
      draft.commit(template);
      return template;
    }
  }

  static Template fill(TemplateDraft draft, int number) throws IOException {
    return fill(draft, number, List.of());
  }

  private static Template fill(TemplateDraft draft, int number, List<TemplateDisk> moreDisks)
      throws IOException {
    try (Fd ram = ram(number);
        Fd state = MemFd.create("sample-state", 0)) {
      draft.add(Template.MANIFEST, "version: 1\n");
      byte[] stateBytes = new byte[300];
      new Random(-number).nextBytes(stateBytes);
      write(state, stateBytes, 0);
      try (Fd overlay = draft.create("disk-blk0.overlay")) {
        write(overlay, new byte[] {(byte) number, 2, 3}, 0);
        write(overlay, new byte[] {4}, 500);
      }
      draft.seal("disk-blk0.overlay");
      draft.add(Template.STATE, state);
      draft.add(Template.RAM, ram);
      return describe(draft, moreDisks);
    }
  }

  static Template describe(TemplateDraft draft, List<TemplateDisk> moreDisks) {
    TemplateDisk own =
        new TemplateDisk(
            "blk0", new TemplateDisk.Own("disk-blk0.overlay"), List.of("disk-blk0.overlay"));
    return new Template(
        Template.Kind.TEMPLATE,
        draft.name(),
        draft.tenant(),
        Instant.now(),
        "test",
        RAM_BYTES,
        1,
        CPU,
        List.of(new TemplateDevice("blk0", "blk", "serial")),
        Stream.concat(Stream.of(own), moreDisks.stream()).toList(),
        draft.contents(),
        TemplateLimits.NONE);
  }

  /** Which making is stored whole; throws if it is not whole. */
  static int verifiedNumber(TemplateStore store) throws IOException {
    try (OpenTemplate open = store.open(NAME)) {
      open.verify(step -> {});
      try (TemplateMemory memory = TemplateMemory.load(open, step -> {});
          Arena arena = Arena.ofConfined()) {
        MemorySegment mark = arena.allocate(2);
        assertEquals(2, Syscalls.pread(memory.ram().number(), mark, 2 * 4096 + 2048));
        return mark.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 1);
      }
    }
  }

  /** What lies in the store's directory, except its lock. */
  static List<String> names(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(path -> path.getFileName().toString())
          .filter(name -> !name.equals(".lock"))
          .sorted()
          .toList();
    }
  }
}
