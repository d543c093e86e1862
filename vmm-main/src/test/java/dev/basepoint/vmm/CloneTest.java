package dev.basepoint.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A real guest is saved at its ready point, and clones of it go on from there. */
@Timeout(180)
final class CloneTest {
  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(30);
  private static final int IDENTITY_GPA = 0xdf000;
  private static final int TICKETS = 0x9000;
  private static final int COUNTERS = 0x9004;
  private static final int BOOT_COUNTER = 0x9040;
  private static final int SECRET = 0xa000;

  private static void await(String what, BooleanSupplier condition) {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadlineNanos, what);
      Thread.onSpinWait();
    }
  }

  private static CloneIdentity identity(String name, int number) {
    byte[] generationId = new byte[CloneIdentity.GENERATION_ID_BYTES];
    Arrays.fill(generationId, (byte) number);
    return new CloneIdentity(
        name, generationId, number, "{\"a\": 1}".getBytes(StandardCharsets.UTF_8));
  }

  /** Prints its name, rings ready, prints its name again. */
  private static Assembler namedGuest() {
    return new Assembler()
        .movEsp(0x8000)
        .call("who")
        .print(" ")
        .outLong(0x610, 1)
        .call("who")
        .print("!")
        .powerOff()
        .label("who")
        // in eax, dx; shl eax, 12; mov ebx, eax; mov ecx, [ebx+24]; lea esi, [ebx+32]; rep outsb
        .movEdx(0x614)
        .bytes(0xed, 0xc1, 0xe0, 12, 0x89, 0xc3, 0x8b, 0x4b, 24, 0x8d, 0x73, 32)
        .movEdx(0x3f8)
        .bytes(0xf3, 0x6e, 0xc3);
  }

  @Test
  void clonesGoOnBehindTheReadyDoorbellAsSomebodyOfTheirOwn() throws Exception {
    try (TestMachine original = TestMachine.pausingAtReady(namedGuest(), 1)) {
      original.session().run();
      try (SavedMachine saved = original.saveAtReady()) {
        assertTrue(saved.reply().stateBytes() > 0);
        assertTrue(saved.reply().ramBytesWritten() < 256 << 10, "zero pages were written");
        try (TestMachine one = TestMachine.cloneOf(saved, 1);
            TestMachine two = TestMachine.cloneOf(saved, 1)) {
          two.session().runAs(identity("two", 2));
          one.session().runAs(identity("one", 1));
          assertEquals(StopReason.POWER_OFF, one.awaitEnd().reason());
          assertEquals(StopReason.POWER_OFF, two.awaitEnd().reason());
          assertEquals("one!", one.awaitConsole("!"));
          assertEquals("two!", two.awaitConsole("!"));
          GuestMemory memory = two.session().vm().memory();
          assertEquals(0x02020202, memory.readU32(IDENTITY_GPA));
          assertEquals(2, memory.readU32(IDENTITY_GPA + 16));
          assertEquals(3, memory.readU32(IDENTITY_GPA + 24));
          assertEquals(8, memory.readU32(IDENTITY_GPA + 28));
          assertEquals('{', memory.readU8(IDENTITY_GPA + 96));
        }
      }
      assertEquals(0, original.session().vm().memory().readU32(IDENTITY_GPA));
      original.session().resume();
      assertEquals(StopReason.POWER_OFF, original.awaitEnd().reason());
      assertEquals("test test!", original.awaitConsole("!"));
    }
  }

  /** Each further processor draws a ticket and counts in that slot for ever; so does the first. */
  private static Assembler countingGuest(int vcpus) {
    Assembler guest = new Assembler();
    // xor ax, ax; mov ds, ax; mov eax, 1; lock xadd [TICKETS], eax
    // again: lock inc dword [COUNTERS + eax * 4]; jmp again
    byte[] code = {
      0x31,
      (byte) 0xc0,
      (byte) 0x8e,
      (byte) 0xd8,
      0x66,
      (byte) 0xb8,
      1,
      0,
      0,
      0,
      (byte) 0xf0,
      0x66,
      0x0f,
      (byte) 0xc1,
      0x06,
      0x00,
      (byte) 0x90,
      (byte) 0xf0,
      0x66,
      0x67,
      (byte) 0xff,
      0x04,
      (byte) 0x85,
      0x04,
      (byte) 0x90,
      0,
      0,
      (byte) 0xeb,
      (byte) 0xf4,
      0,
      0,
      0
    };
    for (int i = 0; i < code.length; i += 4) {
      int word =
          (code[i] & 0xff)
              | (code[i + 1] & 0xff) << 8
              | (code[i + 2] & 0xff) << 16
              | code[i + 3] << 24;
      guest.store(0x8000 + i, word);
    }
    return guest
        .store(0xfee00300, 0x000c4500)
        .store(0xfee00300, 0x000c4608)
        .label("wait")
        .cmpMemory(TICKETS, vcpus - 1)
        .jumpIfNotZero("wait")
        .outLong(0x610, 1)
        .label("again")
        .lockInc(BOOT_COUNTER)
        .jump("again");
  }

  private static long[] counters(TestMachine machine, int vcpus) {
    GuestMemory memory = machine.session().vm().memory();
    long[] counters = new long[vcpus];
    for (int i = 0; i < vcpus - 1; i++) {
      counters[i] = memory.readU32(COUNTERS + 4L * i);
    }
    counters[vcpus - 1] = memory.readU32(BOOT_COUNTER);
    return counters;
  }

  private static boolean allBeyond(long[] before, long[] now) {
    boolean all = true;
    for (int i = 0; i < before.length; i++) {
      all &= now[i] > before[i] + 10;
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void everyProcessorOfEveryCloneGoesOn(int vcpus) throws Exception {
    try (TestMachine original = TestMachine.pausingAtReady(countingGuest(vcpus), vcpus)) {
      original.session().run();
      try (SavedMachine saved = original.saveAtReady()) {
        long[] start = counters(original, vcpus);
        assertEquals(0, start[vcpus - 1], "the pause is right behind the doorbell");
        for (int i = 0; i < 3; i++) {
          try (TestMachine clone = TestMachine.cloneOf(saved, vcpus)) {
            assertEquals(Arrays.toString(start), Arrays.toString(counters(clone, vcpus)));
            clone.session().runAs(identity("clone", i));
            await(
                "all processors of the clone count",
                () -> allBeyond(start, counters(clone, vcpus)));
          }
        }
        assertEquals(
            Arrays.toString(start),
            Arrays.toString(counters(original, vcpus)),
            "the original's RAM is its own");
        original.session().resume();
        await(
            "all processors of the original count",
            () -> allBeyond(start, counters(original, vcpus)));
      }
    }
  }

  @Test
  void cloneOfACloneIsTheSame() throws Exception {
    try (TestMachine original = TestMachine.pausingAtReady(countingGuest(2), 2)) {
      original.session().run();
      try (SavedMachine saved = original.saveAtReady();
          TestMachine clone = TestMachine.cloneOf(saved, 2)) {
        clone.session().vm().memory().writeU32(SECRET, 0x5ec7e7);
        clone.session().runAs(identity("clone", 1));
        await("the clone counts", () -> allBeyond(new long[2], counters(clone, 2)));
        clone.session().pause(PAUSE_TIMEOUT);
        long[] start = counters(clone, 2);
        try (SavedMachine again = SavedMachine.of(clone.session(), TestMachine.RAM_BYTES);
            TestMachine second = TestMachine.cloneOf(again, 2)) {
          assertEquals(0x5ec7e7, second.session().vm().memory().readU32(SECRET));
          second.session().runAs(identity("second", 2));
          await("the clone's clone counts", () -> allBeyond(start, counters(second, 2)));
          assertEquals(Arrays.toString(start), Arrays.toString(counters(clone, 2)));
        }
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() throws Exception {
    try (TestMachine original = TestMachine.pausingAtReady(namedGuest(), 1)) {
      original.session().run();
      try (SavedMachine saved = original.saveAtReady();
          Fd small = MemFd.create("small", 4096);
          Fd empty = MemFd.create("empty", 0)) {
        assertTrue(refusal(saved, 2).contains("2 vCPUs"), refusal(saved, 2));
        SavedMachine unsealed = new SavedMachine(saved.ram(), empty, saved.reply());
        assertTrue(refusal(unsealed, 1).contains("seals"), refusal(unsealed, 1));
        MemFd.seal(small, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK);
        SavedMachine other = new SavedMachine(small, saved.state(), saved.reply());
        assertTrue(refusal(other, 1).contains("4096 bytes of RAM"), refusal(other, 1));
        IOException wrongSize =
            assertThrows(IOException.class, () -> original.session().save(small, empty));
        assertTrue(wrongSize.getMessage().contains("4096"), wrongSize.getMessage());
      }
    }
  }

  private static String refusal(SavedMachine saved, int vcpus) {
    return assertThrows(IOException.class, () -> TestMachine.cloneOf(saved, vcpus)).getMessage();
  }

  /** Damage is refused, or harms nobody but the clone. */
  @Test
  void damagedStateIsRefusedOrHarmless() throws Exception {
    Random random = new Random(4);
    int refused = 0;
    int prepared = 0;
    try (TestMachine original = TestMachine.pausingAtReady(namedGuest(), 1)) {
      original.session().run();
      try (SavedMachine saved = original.saveAtReady()) {
        byte[] good = content(saved.state());
        for (int i = 0; i < 60; i++) {
          byte[] bad = good.clone();
          for (int hits = 1 + random.nextInt(8); hits > 0; hits--) {
            bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
          }
          if (i % 4 == 0) {
            bad = Arrays.copyOf(bad, random.nextInt(bad.length));
          }
          Fd file = TestKernel.memfd("bad", bad);
          MemFd.seal(file, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK);
          try (SavedMachine damaged =
                  new SavedMachine(saved.ram().duplicate(), file, saved.reply());
              TestMachine clone = TestMachine.cloneOf(damaged, 1)) {
            clone.session().runAs(identity("clone", i));
            clone.session().pause(PAUSE_TIMEOUT);
            prepared++;
          } catch (IOException e) {
            refused++;
          }
        }
      }
    }
    assertTrue(refused >= 15, "refused " + refused);
    assertTrue(prepared > 0, "prepared " + prepared);
  }

  private static byte[] content(Fd file) throws IOException {
    int bytes = Math.toIntExact(MemFd.sizeBytes(file));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(bytes);
      assertEquals(bytes, Syscalls.pread(file.number(), segment, 0));
      return segment.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
