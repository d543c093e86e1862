package dev.basepoint.vmm.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.vmm.Assembler;
import dev.basepoint.vmm.HostKvm;
import dev.basepoint.vmm.kvm.KvmSystem;
import dev.basepoint.vmm.state.MachineState;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A machine goes on, in another VM and on a copy of its RAM, exactly where it stood. */
@Timeout(180)
final class VmStateTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(60);
  private static final long RAM_BYTES = 4 << 20;
  private static final int COUNTER = 0x9000;
  private static final int SECOND_COUNTER = 0x9004;

  /** A listener that only notes a failure. */
  private static final class Notes implements VmListener {
    private volatile String end;

    @Override
    public void onEvent(SupervisionEvent event) {}

    @Override
    public void onEnd(StopReason reason, String detail) {
      end = reason + ": " + detail;
    }
  }

  /**
   * Counts in a register and stores each value, so that a lost register shows as a jump; the second
   * processor counts in memory.
   */
  private static byte[] countingGuest() {
    return new Assembler()
        .store(0x8000, 0xd88ec031)
        .store(0x8004, 0x06ff66f0)
        .store(0x8008, 0xf8eb0000 | SECOND_COUNTER)
        .store(0xfee00300, 0x000c4500)
        .store(0xfee00300, 0x000c4608)
        .movEax(0)
        .label("again")
        .bytes(0x40)
        .storeEax(COUNTER)
        .jump("again")
        .assemble();
  }

  private static void await(String what, Notes notes, BooleanSupplier condition) {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadlineNanos && notes.end == null, what + " " + notes.end);
      Thread.onSpinWait();
    }
  }

  private static Fd template(GuestMemory memory) throws IOException {
    Fd fd = MemFd.create("template", RAM_BYTES);
    dev.basepoint.ipc.linux.Mapping copy =
        dev.basepoint.ipc.linux.Mapping.shared(fd, 0, RAM_BYTES, true);
    assertTrue(memory.copyFrom(0, copy.segment(), 0, RAM_BYTES));
    copy.close();
    MemFd.seal(fd, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
    return fd;
  }

  @Test
  void clonesGoOnWhereTheOriginalStood() throws Exception {
    Notes notes = new Notes();
    try (KvmSystem kvm = new KvmSystem(HostKvm.open());
        Vm original = Vm.create(kvm, GuestRam.zeroed("original", RAM_BYTES), 2, notes)) {
      byte[] code = countingGuest();
      GuestMemory memory = original.memory();
      memory.copyTo(Assembler.ORIGIN, MemorySegment.ofArray(code), 0, code.length);
      original.setBootState(Assembler.ORIGIN, 0);
      original.start();
      await(
          "both processors count",
          notes,
          () -> memory.readU32(COUNTER) > 100 && memory.readU32(SECOND_COUNTER) > 100);
      original.pause(TIMEOUT);
      MachineState saved = new MachineState();
      original.saveTo(saved);
      long first = memory.readU32(COUNTER);
      long second = memory.readU32(SECOND_COUNTER);
      byte[] bytes = saved.encode();
      assertArrayEquals(bytes, MachineState.decode(bytes).encode());
      try (Fd template = template(memory)) {
        for (int i = 0; i < 3; i++) {
          runClone(kvm, template, MachineState.decode(bytes), first, second);
        }
      }
      assertEquals(first, memory.readU32(COUNTER), "the original's RAM is its own");
      original.resume();
      await("the original goes on", notes, () -> memory.readU32(COUNTER) > first);
      original.stop(TIMEOUT);
    }
  }

  private static void runClone(
      KvmSystem kvm, Fd template, MachineState state, long first, long second) throws IOException {
    Notes notes = new Notes();
    GuestRam ram = GuestRam.reserved(RAM_BYTES);
    try (Vm clone = Vm.create(kvm, ram, 2, notes)) {
      ram.mapCopyOf(template);
      clone.restoreFrom(state);
      GuestMemory memory = clone.memory();
      assertEquals(first, memory.readU32(COUNTER));
      clone.start();
      await(
          "the clone's processors count",
          notes,
          () -> memory.readU32(COUNTER) > first + 100 && memory.readU32(SECOND_COUNTER) > second);
      clone.pause(TIMEOUT);
      // The counting register came along: nothing started again from zero.
      assertTrue(memory.readU32(COUNTER) > first);
      clone.stop(TIMEOUT);
    }
  }

  @Test
  void stateOfAnotherMachineIsRefused() throws Exception {
    MachineState saved = new MachineState();
    try (KvmSystem kvm = new KvmSystem(HostKvm.open());
        Vm one = Vm.create(kvm, GuestRam.zeroed("one", RAM_BYTES), 1, new Notes());
        Vm two = Vm.create(kvm, GuestRam.zeroed("two", RAM_BYTES), 2, new Notes())) {
      one.saveTo(saved);
      String message = assertThrows(IOException.class, () -> two.restoreFrom(saved)).getMessage();
      assertTrue(message.contains("2 vCPUs"), message);
      one.restoreFrom(MachineState.decode(saved.encode()));
    }
  }

  @Test
  void unsealedTemplateIsRefused() throws Exception {
    GuestRam ram = GuestRam.reserved(RAM_BYTES);
    try (Fd fd = MemFd.create("template", RAM_BYTES)) {
      assertThrows(IOException.class, () -> ram.mapCopyOf(fd));
    }
    ram.close();
  }
}
