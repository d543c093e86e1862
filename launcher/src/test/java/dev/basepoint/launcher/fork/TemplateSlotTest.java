package dev.basepoint.launcher.fork;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.launcher.basepoint.CpuFingerprint;
import dev.basepoint.launcher.basepoint.ForkCounter;
import dev.basepoint.launcher.basepoint.OpenTemplate;
import dev.basepoint.launcher.basepoint.StateDirectory;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateDraft;
import dev.basepoint.launcher.basepoint.TemplateException;
import dev.basepoint.launcher.basepoint.TemplateLimits;
import dev.basepoint.launcher.basepoint.TemplateMemory;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.manifest.ManifestException;
import dev.basepoint.launcher.manifest.ManifestLoader;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When a template is made again, and who waits for that; no VM is needed to see it. */
final class TemplateSlotTest {
  private static final String NAME = "probe";
  private static final String TENANT = "uid-1";
  private static final long FORKS_MAX = 4;
  private static final long RAM_BYTES = 64L << 20;
  private static final CpuFingerprint CPU =
      new CpuFingerprint("Vendor", 25, 17, "Model name", new TreeSet<>(List.of("fpu")));

  @TempDir private Path directory;
  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final FakeRemaker remaker = new FakeRemaker();
  private TemplateStore store;
  private VmManifest manifest;
  private TemplateSlot slot;

  /** Stores the same content as another making. */
  private final class FakeRemaker implements Remaker {
    private volatile String trouble;

    @Override
    public void remake(Template worn, VmManifest ofWorn) throws IOException {
      if (trouble != null) {
        throw new IOException(trouble);
      }
      try (TemplateDraft draft = store.beginAgain(worn)) {
        fill(draft);
      }
    }

    @Override
    public void cancel() {
      events.add("cancelled");
    }
  }

  @BeforeEach
  void makeTemplate() throws Exception {
    manifest =
        new ManifestLoader(HostFacts.read())
            .load("version: 1\nname: probe\n", "test", Path.of("/"))
            .vm();
    store = TemplateStore.of(new StateDirectory(directory), Template.Kind.TEMPLATE);
    try (TemplateDraft draft = store.begin(NAME, TENANT, false)) {
      fill(draft);
    }
    slot =
        new TemplateSlot(
            NAME,
            _ -> open(),
            remaker,
            new TemplateEvents() {
              @Override
              public void onRemade(String template, long millis) {
                events.add("remade " + template);
              }

              @Override
              public void onRemakeFailed(String template, String reason) {
                events.add("failed " + template + ": " + reason);
              }
            });
  }

  @AfterEach
  void close() {
    slot.close();
  }

  private static void fill(TemplateDraft draft) throws IOException {
    try (Fd ram = MemFd.create("ram", RAM_BYTES);
        Fd state = MemFd.create("state", 100)) {
      draft.add(Template.MANIFEST, "not read here\n");
      draft.add(Template.STATE, state);
      draft.add(Template.RAM, ram);
    }
    draft.commit(
        new Template(
            Template.Kind.TEMPLATE,
            draft.name(),
            draft.tenant(),
            Instant.now(),
            "test",
            RAM_BYTES,
            1,
            CPU,
            List.of(),
            List.of(),
            draft.contents(),
            new TemplateLimits(OptionalLong.of(FORKS_MAX), OptionalLong.empty())));
  }

  private TemplateForks open() throws IOException {
    OpenTemplate open = store.open(NAME);
    return new TemplateForks(
        new CloneSource(open, manifest, TemplateMemory.load(open, _ -> {}), List.of(), directory),
        store.forks(open.template()),
        null,
        SandboxLevel.OFF,
        new PoolSettings(0, Long.MAX_VALUE, 0));
  }

  /** Counts forks as the daemon does; a counter reads the file when it is opened. */
  private void count(long forks) throws IOException {
    try (OpenTemplate open = store.open(NAME);
        ForkCounter counter = store.forks(open.template())) {
      for (long i = 0; i < forks; i++) {
        counter.increment();
      }
    }
  }

  private static TemplateException exhausted() {
    return new TemplateException(TemplateException.Reason.EXHAUSTED, "used up");
  }

  private String event() throws InterruptedException {
    String event = events.poll(60, TimeUnit.SECONDS);
    assertTrue(event != null, "nothing happened");
    return event;
  }

  @Test
  void aFreshTemplateIsLeftAlone() throws Exception {
    count(FORKS_MAX / 2);
    TemplateForks fresh = slot.open(TENANT);
    slot.remakeAhead(fresh);
    assertSame(fresh, slot.open(TENANT));
    slot.close();
    assertEquals(List.of("cancelled"), List.copyOf(events));
  }

  @Test
  void aWornTemplateIsMadeAgainBehindTheRequests() throws Exception {
    count(FORKS_MAX - 1);
    TemplateForks worn = slot.open(TENANT);
    slot.remakeAhead(worn);
    assertEquals("remade " + NAME, event());
    TemplateForks next = slot.open(TENANT);
    assertNotEquals(worn.template().created(), next.template().created());
    slot.remakeAhead(next);
    assertSame(next, slot.open(TENANT));
  }

  @Test
  void whoFindsATemplateUsedUpGetsTheNext() throws Exception {
    count(FORKS_MAX);
    TemplateForks worn = slot.open(TENANT);
    assertTrue(worn.isExhausted());
    slot.awaitRemade(worn, exhausted());
    TemplateForks next = slot.open(TENANT);
    assertNotEquals(worn.template().created(), next.template().created());
    assertEquals(false, next.isExhausted());
    // Found used up before it was made again.
    slot.awaitRemade(worn, exhausted());
    assertSame(next, slot.open(TENANT));
    assertEquals("remade " + NAME, event());
  }

  @Test
  void theOldOneStaysIfTheMakingFails() throws Exception {
    count(FORKS_MAX);
    remaker.trouble = "no kernel";
    TemplateForks worn = slot.open(TENANT);
    TemplateException refusal =
        assertThrows(TemplateException.class, () -> slot.awaitRemade(worn, exhausted()));
    assertEquals(TemplateException.Reason.EXHAUSTED, refusal.reason());
    assertEquals("used up, and it could not be made again: no kernel", refusal.getMessage());
    assertSame(worn, slot.open(TENANT));
    assertEquals("failed " + NAME + ": no kernel", event());
    // Nobody waits, so the next attempt has time.
    slot.remakeAhead(worn);
    assertSame(worn, slot.open(TENANT));
    remaker.trouble = null;
    slot.awaitRemade(worn, exhausted());
    assertEquals("remade " + NAME, event());
  }

  @Test
  void whatAnotherCommandPutInItsPlaceIsLeftThere() throws Exception {
    count(FORKS_MAX);
    TemplateForks worn = slot.open(TENANT);
    try (TemplateDraft draft = store.begin(NAME, TENANT, true)) {
      fill(draft);
    }
    assertThrows(TemplateException.class, () -> slot.awaitRemade(worn, exhausted()));
    TemplateForks next = slot.open(TENANT);
    assertNotEquals(worn.template().created(), next.template().created());
    assertTrue(next.isCurrent());
  }

  @Test
  void namesOfClonesFitWhateverTheirTemplatesName() throws ManifestException {
    assertEquals("probe-7", TemplateForks.defaultName("probe", "7"));
    assertEquals(64, TemplateForks.defaultName("p".repeat(63), "12").length());
    assertEquals("p-123", TemplateForks.defaultName("p", "123"));
    assertEquals("p".repeat(59) + "-123", TemplateForks.defaultName("p".repeat(59) + "-ab", "123"));
  }
}
