package dev.basepoint.launcher.basepoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What a store keeps, gives back and refuses. */
final class TemplateStoreTest {
  @TempDir private Path directory;
  private TemplateStore store;
  private Path template;

  @BeforeEach
  void open() {
    store = Sample.store(directory);
    template = directory.resolve(Sample.NAME);
  }

  private static void refused(Reason reason, Executable action) {
    TemplateException e = assertThrows(TemplateException.class, action);
    assertEquals(reason, e.reason(), e.getMessage());
  }

  private void openAndVerify() throws Exception {
    try (OpenTemplate open = store.open(Sample.NAME)) {
      open.verify(step -> {});
    }
  }

  @Test
  void givesBackWhatItWasGiven() throws Exception {
    Template made = Sample.make(store, 7, false);
    try (OpenTemplate open = store.open(Sample.NAME)) {
      assertEquals(made, open.template());
      assertEquals("version: 1\n", open.manifest());
      open.requireHost(Sample.CPU);
    }
    assertEquals(7, Sample.verifiedNumber(store));
    assertEquals(List.of(Sample.NAME), Sample.names(directory));
    assertEquals(Optional.of(made), store.list().getFirst().template());
  }

  @Test
  void keepsRamSparseAndSealsItInMemory() throws Exception {
    Sample.make(store, 7, false);
    try (OpenTemplate open = store.open(Sample.NAME);
        Fd stored = open.openFile(Template.RAM);
        TemplateMemory memory = TemplateMemory.load(open, step -> {});
        Arena arena = Arena.ofConfined()) {
      assertTrue(FileStatus.of(stored).allocatedBytes() <= 2 * 4096, "the hole takes disk space");
      assertEquals(Sample.RAM_BYTES, MemFd.sizeBytes(memory.ram()));
      assertEquals(2 * 4096, FileStatus.of(memory.ram()).allocatedBytes());
      MemFd.requireSeals(
          memory.ram(), MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
      MemFd.requireSeals(memory.state(), MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SEAL);
      assertEquals(-Errno.EPERM, Syscalls.pwrite(memory.ram().number(), arena.allocate(1), 0));
    }
  }

  @Test
  void everyFlippedByteIsFound() throws Exception {
    Sample.make(store, 7, false);
    List<Path> files;
    try (Stream<Path> entries = Files.list(template)) {
      files = entries.toList();
    }
    assertEquals(6, files.size());
    int flips = 0;
    for (Path file : files) {
      try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
        // Of RAM every third: it is most of the bytes, in a hole, a full page and a part of one.
        int step = file.endsWith(Template.RAM) ? 3 : 1;
        for (long at = 0; at < bytes.length(); at += step) {
          bytes.seek(at);
          int original = bytes.read();
          bytes.seek(at);
          bytes.write(original ^ (1 << (at % 8)));
          refused(Reason.DAMAGED, this::openAndVerify);
          bytes.seek(at);
          bytes.write(original);
          flips++;
        }
      }
    }
    assertTrue(flips > Sample.RAM_BYTES / 3);
    openAndVerify();
  }

  @Test
  void missingSurplusTruncatedAndExtendedFilesAreFound() throws Exception {
    Sample.make(store, 7, false);
    try (Stream<Path> entries = Files.list(template)) {
      for (Path file : entries.toList()) {
        byte[] content = Files.readAllBytes(file);
        Files.delete(file);
        refused(Reason.DAMAGED, this::openAndVerify);
        Files.createDirectory(file);
        refused(Reason.DAMAGED, this::openAndVerify);
        Files.delete(file);
        Files.write(file, java.util.Arrays.copyOf(content, content.length - 1));
        refused(Reason.DAMAGED, this::openAndVerify);
        Files.write(file, java.util.Arrays.copyOf(content, content.length + 1));
        refused(Reason.DAMAGED, this::openAndVerify);
        Files.write(file, content);
        openAndVerify();
      }
    }
    Files.createFile(template.resolve("surplus"));
    refused(Reason.DAMAGED, this::openAndVerify);
  }

  @Test
  void damagedOnesAreListedAndCanBeReplacedOrRemoved() throws Exception {
    Sample.make(store, 7, false);
    Files.delete(template.resolve(Template.STATE));
    assertEquals(Reason.DAMAGED, store.list().getFirst().problem().orElseThrow().reason());
    Sample.make(store, 8, true);
    assertEquals(8, Sample.verifiedNumber(store));
    Files.delete(template.resolve(Template.STATE));
    store.remove(Sample.NAME, Sample.TENANT);
    assertEquals(List.of(), Sample.names(directory));
  }

  @Test
  void newerVersionsAreToldFromDamage() throws Exception {
    Sample.make(store, 7, false);
    Path description = template.resolve(TemplateStore.DESCRIPTION);
    String newer =
        Files.readString(description).replace("\"format\":1", "\"format\":2,\"new\":{\"a\":[1]}");
    Files.writeString(description, newer);
    refused(Reason.DAMAGED, this::openAndVerify);
    Files.writeString(
        template.resolve(TemplateStore.CHECKSUM),
        Checksum.line(newer.getBytes(StandardCharsets.UTF_8), TemplateStore.DESCRIPTION));
    refused(Reason.NEWER, this::openAndVerify);
  }

  @Test
  void aTemplateUnderAWrongNameIsRefused() throws Exception {
    Sample.make(store, 7, false);
    Files.move(template, directory.resolve("other"));
    refused(Reason.DAMAGED, () -> store.open("other").close());
    TemplateStore snapshots =
        new TemplateStore(directory, Template.Kind.SNAPSHOT, new LinuxStoreFiles());
    Files.move(directory.resolve("other"), template);
    refused(Reason.DAMAGED, () -> snapshots.open(Sample.NAME).close());
  }

  @Test
  void otherCpusAreRefused() throws Exception {
    Sample.make(store, 7, false);
    try (OpenTemplate open = store.open(Sample.NAME)) {
      open.requireHost(cpu("Vendor", 25, 17, "fpu", "sse2", "avx2"));
      refused(Reason.FOREIGN, () -> open.requireHost(cpu("Vendor", 25, 17, "fpu")));
      refused(Reason.FOREIGN, () -> open.requireHost(cpu("Vendor", 25, 18, "fpu", "sse2")));
      refused(Reason.FOREIGN, () -> open.requireHost(cpu("Vendor", 26, 17, "fpu", "sse2")));
      refused(Reason.FOREIGN, () -> open.requireHost(cpu("Other", 25, 17, "fpu", "sse2")));
    }
    assertFalse(CpuFingerprint.read().features().isEmpty());
  }

  private static CpuFingerprint cpu(String vendor, int family, int model, String... features) {
    return new CpuFingerprint(vendor, family, model, "Host", new TreeSet<>(List.of(features)));
  }

  @Test
  void tenantsAreKeptApart() throws Exception {
    Template made = Sample.make(store, 7, false);
    refused(Reason.OTHER_TENANT, () -> made.requireTenant("uid-2"));
    refused(Reason.OTHER_TENANT, () -> store.remove(Sample.NAME, "uid-2"));
    refused(Reason.OTHER_TENANT, () -> store.begin(Sample.NAME, "uid-2", true).close());
    refused(Reason.NAME_TAKEN, () -> store.begin(Sample.NAME, "uid-2", false).close());
    assertEquals(7, Sample.verifiedNumber(store));
  }

  @Test
  void namesAreChecked() throws Exception {
    refused(Reason.UNKNOWN, () -> store.open(Sample.NAME));
    refused(Reason.UNKNOWN, () -> store.remove(Sample.NAME, Sample.TENANT));
    for (String name : List.of("", "..", "a/b", "-a", "A", ".lock", "a".repeat(64))) {
      refused(Reason.UNKNOWN, () -> store.open(name));
      refused(Reason.UNKNOWN, () -> store.begin(name, Sample.TENANT, false));
    }
  }

  @Test
  void changedBasesAreRefused() throws Exception {
    Path image = directory.resolve("base.img");
    Files.write(image, new byte[8192]);
    TemplateDisk.Reference reference;
    try (Fd fd = BaseImage.open("blk1", image.toString())) {
      reference = BaseImage.describe("blk1", image.toString(), fd);
    }
    Sample.make(store, 7, false, List.of(new TemplateDisk("blk1", reference, List.of())));
    try (OpenTemplate open = store.open(Sample.NAME)) {
      open.requireBases();
      openAndVerify();
      var time = Files.getLastModifiedTime(image);
      Files.write(image, new byte[8191]);
      Files.setLastModifiedTime(image, time);
      refused(Reason.BASE_CHANGED, open::requireBases);
      byte[] content = new byte[8192];
      content[5000] = 1;
      Files.write(image, content);
      refused(Reason.BASE_CHANGED, open::requireBases);
      Files.setLastModifiedTime(image, time);
      open.requireBases();
      refused(Reason.BASE_CHANGED, this::openAndVerify);
      try (Fd writer = OpenFile.open(image.toString(), OpenFile.O_RDWR)) {
        assertTrue(dev.basepoint.ipc.linux.FileLock.tryLock(writer, true));
        refused(Reason.BUSY, open::requireBases);
      }
      Files.delete(image);
      refused(Reason.BASE_CHANGED, open::requireBases);
      refused(Reason.NOT_CAPTURABLE, () -> BaseImage.open("blk1", "/dev/null"));
    }
  }

  @Test
  void oneOfManyMakersWinsAndNothingIsMixed() throws Exception {
    List<Callable<Integer>> makers = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      int number = i;
      makers.add(
          () -> {
            try {
              Sample.make(store, number, false);
              return number;
            } catch (TemplateException e) {
              assertTrue(
                  e.reason() == Reason.BUSY || e.reason() == Reason.NAME_TAKEN, e.getMessage());
              return 0;
            }
          });
    }
    List<Integer> winners = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (Future<Integer> result : threads.invokeAll(makers)) {
        if (result.get() != 0) {
          winners.add(result.get());
        }
      }
    }
    assertEquals(1, winners.size(), winners.toString());
    assertEquals(winners.getFirst(), Sample.verifiedNumber(store));
    assertEquals(List.of(Sample.NAME), Sample.names(directory));
  }

  @Test
  void readersNeverSeeAHalfReplacedTemplate() throws Exception {
    Sample.make(store, 1, false);
    AtomicBoolean done = new AtomicBoolean();
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      Future<Integer> reader =
          threads.submit(
              () -> {
                int last = 1;
                while (!done.get()) {
                  int number = Sample.verifiedNumber(store);
                  assertTrue(number >= last, number + " after " + last);
                  last = number;
                }
                return last;
              });
      try {
        for (int number = 2; number <= 60; number++) {
          Sample.make(store, number, true);
        }
      } finally {
        done.set(true);
      }
      reader.get();
    }
    Sample.make(store, 61, true);
    assertEquals(List.of(Sample.NAME), Sample.names(directory));
  }

  @Test
  void aRemovedTemplateStaysWholeForItsUsers() throws Exception {
    Sample.make(store, 7, false);
    try (OpenTemplate open = store.open(Sample.NAME)) {
      store.remove(Sample.NAME, Sample.TENANT);
      assertEquals(List.of(), store.list());
      assertEquals(List.of(".old-sample-0"), Sample.names(directory));
      open.verify(step -> {});
      Sample.make(store, 8, false);
      open.verify(step -> {});
      assertEquals(8, Sample.verifiedNumber(store));
    }
    Sample.make(store, 9, true);
    assertEquals(List.of(Sample.NAME), Sample.names(directory));
  }

  @Test
  void anAbandonedDraftLeavesNothing() throws Exception {
    try (TemplateDraft draft = store.begin(Sample.NAME, Sample.TENANT, false)) {
      draft.add(Template.MANIFEST, "version: 1\n");
      refused(Reason.UNKNOWN, () -> store.open(Sample.NAME));
      refused(Reason.BUSY, () -> store.begin(Sample.NAME, Sample.TENANT, false));
    }
    assertEquals(List.of(), Sample.names(directory));
  }

  @Test
  void forksAreCountedPerMaking() throws Exception {
    Template made = Sample.make(store, 7, false);
    try (ForkCounter counter = store.forks(made)) {
      assertEquals(0, counter.count());
      counter.increment();
      counter.increment();
    }
    try (ForkCounter counter = store.forks(made)) {
      assertEquals(2, counter.count());
    }
    try (ForkCounter counter = store.forks(Sample.make(store, 8, true))) {
      assertEquals(0, counter.count());
    }
    store.remove(Sample.NAME, Sample.TENANT);
    assertEquals(List.of(), Sample.names(directory));
  }

  @Test
  void limitsSayWhenATemplateIsExhausted() {
    Instant created = Instant.parse("2026-01-01T00:00:00Z");
    assertEquals(
        Optional.empty(), TemplateLimits.NONE.exhausted(created, Instant.MAX, Long.MAX_VALUE));
    TemplateLimits limits = new TemplateLimits(OptionalLong.of(3), OptionalLong.of(1000));
    assertEquals(Optional.empty(), limits.exhausted(created, created.plusMillis(999), 2));
    assertTrue(limits.exhausted(created, created, 3).isPresent());
    assertTrue(limits.exhausted(created, created.plusMillis(1000), 0).isPresent());
  }

  @Test
  void limitsSayWhenATemplateIsToBeMadeAgain() {
    Instant created = Instant.parse("2026-01-01T00:00:00Z");
    assertFalse(TemplateLimits.NONE.wearing(created, Instant.MAX, Long.MAX_VALUE));
    TemplateLimits limits = new TemplateLimits(OptionalLong.of(8), OptionalLong.of(1000));
    assertFalse(limits.wearing(created, created.plusMillis(749), 5));
    assertTrue(limits.wearing(created, created, 6));
    assertTrue(limits.wearing(created, created.plusMillis(750), 0));
    TemplateLimits one = new TemplateLimits(OptionalLong.of(1), OptionalLong.empty());
    assertFalse(one.wearing(created, created, 0));
    assertTrue(one.wearing(created, created, 1));
  }

  @Test
  void makingAgainTakesNobodyElsesPlace() throws Exception {
    Template worn = Sample.make(store, 7, false);
    Sample.makeAgain(store, 8, worn);
    assertEquals(8, Sample.verifiedNumber(store));
    refused(Reason.CANCELLED, () -> store.beginAgain(worn));

    Template next = store.list().getFirst().template().orElseThrow();
    try (TemplateDraft draft = store.beginAgain(next)) {
      store.remove(Sample.NAME, Sample.TENANT);
      refused(Reason.CANCELLED, () -> draft.commit(Sample.fill(draft, 9)));
    }
    assertEquals(List.of(), Sample.names(directory));
  }

  @Test
  void aDescriptionOfSomethingElseIsADefect() throws Exception {
    try (TemplateDraft draft = store.begin(Sample.NAME, Sample.TENANT, false)) {
      draft.add(Template.MANIFEST, "version: 1\n");
      Template incomplete = Sample.describe(draft, List.of());
      draft.add(Template.STATE, "state");
      assertInstanceOf(
          IllegalArgumentException.class,
          assertThrows(RuntimeException.class, () -> draft.commit(incomplete)));
    }
    assertEquals(List.of(), Sample.names(directory));
  }
}
