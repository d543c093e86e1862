package dev.basepoint.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionEvent.GuestMarker;
import dev.basepoint.ipc.control.SupervisionEvent.GuestReady;
import dev.basepoint.ipc.control.SupervisionEvent.Milestone;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Small guests on the host's KVM. */
@Timeout(120)
final class VmSessionTest {
  @Test
  void guestPrintsAndPowersOff() throws Exception {
    Assembler guest = new Assembler().print("hello").powerOff();
    try (TestMachine machine = new TestMachine(guest, 1)) {
      machine.session().run();
      assertEquals(StopReason.POWER_OFF, machine.awaitEnd().reason());
      machine.awaitConsole("hello");
      assertEquals("vmCreated", machine.await(Milestone.class).name());
      assertEquals("kernelLoaded", machine.await(Milestone.class).name());
      assertEquals("devicesAttached", machine.await(Milestone.class).name());
      assertEquals("vcpuEntered", machine.await(Milestone.class).name());
      assertEquals("firstSerialByte", machine.await(Milestone.class).name());
    }
  }

  @Test
  void keyboardControllerResets() throws Exception {
    Assembler guest = new Assembler().outByte(0x64, 0xfe).label("x").jump("x");
    try (TestMachine machine = new TestMachine(guest, 1)) {
      machine.session().run();
      assertEquals(StopReason.RESET, machine.awaitEnd().reason());
    }
  }

  @Test
  void tripleFaultIsReportedWithRegisters() throws Exception {
    // lidt of an empty table, then int3: no handler, no double fault handler.
    Assembler guest =
        new Assembler()
            .store(0x8000, 0)
            .store(0x8004, 0)
            .bytes(0x0f, 0x01, 0x1d, 0x00, 0x80, 0x00, 0x00)
            .bytes(0x0f, 0x0b);
    try (TestMachine machine = new TestMachine(guest, 1)) {
      machine.session().run();
      TestMachine.End end = machine.awaitEnd();
      assertEquals(StopReason.TRIPLE_FAULT, end.reason());
      assertTrue(end.detail().contains("rip="), end.detail());
    }
  }

  @Test
  void doorbellReportsReadyOnceAndMarkers() throws Exception {
    Assembler guest =
        new Assembler()
            .movEdx(0x610)
            .bytes(0xed)
            .bytes(0x04, 'A' - 1)
            .movEdx(0x3f8)
            .bytes(0xee)
            .outLong(0x610, 1)
            .outLong(0x610, 1)
            .outLong(0x610, 0x12a)
            .powerOff();
    try (TestMachine machine = new TestMachine(guest, 1)) {
      machine.session().run();
      machine.awaitConsole("A");
      assertTrue(machine.await(GuestReady.class).monotonicNanos() <= System.nanoTime());
      assertEquals(0x2a, machine.await(GuestMarker.class).value());
      assertEquals(StopReason.POWER_OFF, machine.awaitEnd().reason());
    }
  }
}
