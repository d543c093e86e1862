package dev.basepoint.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.memory.GuestMemory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pausing, several processors and the console, with real guests. */
@Timeout(180)
final class VmControlTest {
  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(30);
  private static final int COUNTER = 0x9000;
  private static final int SUM = 0x9004;
  private static final int STALLS = 0x9008;

  private static void await(String what, BooleanSupplier condition) {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadlineNanos, what);
      Thread.onSpinWait();
    }
  }

  /** A guest that reads the doorbell's version (1) and adds it up, for ever. */
  private static Assembler summingGuest() {
    return new Assembler()
        .movEdx(0x610)
        .label("again")
        .bytes(0xed)
        .bytes(0x01, 0x05, SUM & 0xff, SUM >> 8, 0, 0)
        .lockInc(COUNTER)
        .jump("again");
  }

  @Test
  void pausedGuestStandsStillAtAnInstructionBoundary() throws Exception {
    try (TestMachine machine = new TestMachine(summingGuest(), 1)) {
      GuestMemory memory = machine.session().vm().memory();
      machine.session().run();
      for (int round = 0; round < 50; round++) {
        long before = memory.readU32(COUNTER);
        await("the guest counts", () -> memory.readU32(COUNTER) != before);
        machine.session().pause(PAUSE_TIMEOUT);
        long paused = memory.readU32(COUNTER);
        long ahead = memory.readU32(SUM) - paused;
        assertTrue(ahead == 0 || ahead == 1, "an access was lost or repeated: " + ahead);
        for (int i = 0; i < 100_000; i++) {
          Thread.onSpinWait();
        }
        assertEquals(paused, memory.readU32(COUNTER), "a paused guest counts");
        machine.session().resume();
      }
    }
  }

  @Test
  void haltedAndWaitingVcpusPauseAndStopToo() throws Exception {
    Assembler guest = new Assembler().print("x").label("halt").bytes(0xf4).jump("halt");
    try (TestMachine machine = new TestMachine(guest, 4)) {
      machine.session().run();
      machine.awaitConsole("x");
      machine.session().pause(PAUSE_TIMEOUT);
      machine.session().resume();
      machine.session().pause(PAUSE_TIMEOUT);
      machine.session().stop();
      assertFalse(machine.hasEnded(), "stopping from outside is not the guest's own end");
    }
  }

  @Test
  void eightProcessorsStartByInitAndSipi() throws Exception {
    int vcpus = 8;
    Assembler guest =
        new Assembler()
            // Real mode at 0x8000: xor ax,ax; mov ds,ax; lock inc dword [COUNTER]; cli; hlt; jmp.
            .store(0x8000, 0xd88ec031)
            .store(0x8004, 0x06ff66f0)
            .store(0x8008, 0xf4fa0000 | COUNTER)
            .store(0x800c, 0x0000fdeb)
            .store(0xfee00300, 0x000c4500)
            .store(0xfee00300, 0x000c4608)
            .label("wait")
            .cmpMemory(COUNTER, vcpus - 1)
            .jumpIfNotZero("wait")
            .print("all up")
            .powerOff();
    try (TestMachine machine = new TestMachine(guest, vcpus)) {
      machine.session().run();
      assertEquals(StopReason.POWER_OFF, machine.awaitEnd().reason());
      machine.awaitConsole("all up");
      assertEquals(vcpus - 1, machine.session().vm().memory().readU32(COUNTER));
    }
  }

  @Test
  void consoleInputArrivesCompletelyAndInOrder() throws Exception {
    Assembler guest =
        new Assembler()
            .print(">")
            .label("poll")
            .movEdx(0x3fd)
            .bytes(0xec, 0xa8, 0x01)
            .jumpIfZero("poll")
            .movEdx(0x3f8)
            .bytes(0xec, 0xee)
            .bytes(0x3c, 'q')
            .jumpIfNotZero("poll")
            .powerOff();
    try (TestMachine machine = new TestMachine(guest, 1)) {
      machine.session().run();
      machine.awaitConsole(">");
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 300; i++) {
        text.append((char) ('A' + i % 26));
      }
      machine.type(text + "q");
      assertEquals(StopReason.POWER_OFF, machine.awaitEnd().reason());
      assertEquals(">" + text + "q", machine.awaitConsole("q"));
    }
  }

  @Test
  void guestWaitsForASlowConsoleReader() throws Exception {
    int chunks = 16 * 1024;
    String chunk = "0123456789abcdef";
    Assembler guest =
        new Assembler()
            .movEdi(chunks)
            .label("next")
            .movEdx(0x3fd)
            .label("poll")
            .bytes(0xec, 0xa8, 0x20)
            .jumpIfNotZero("send")
            .lockInc(STALLS)
            .jump("poll")
            .label("send")
            .movEdx(0x3f8)
            .movEcx(16)
            .movEsi("text")
            .bytes(0xf3, 0x6e)
            .bytes(0x4f)
            .jumpIfNotZero("next")
            .outByte(0x3f8, '!')
            .powerOff()
            .label("text");
    chunk.chars().forEach(guest::bytes);
    try (TestMachine machine = new TestMachine(guest, 1)) {
      GuestMemory memory = machine.session().vm().memory();
      machine.session().run();
      await("the transmitter fills up", () -> memory.readU32(STALLS) > 0);
      assertEquals(chunk.repeat(chunks) + "!", machine.awaitConsole("!"));
      assertEquals(StopReason.POWER_OFF, machine.awaitEnd().reason());
    }
  }
}
