package dev.basepoint.vmm.kvm;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * State of what all vCPUs of a VM share: both PICs, the IOAPIC, the PIT and the paravirtual clock.
 *
 * <pre>
 *   struct kvm_irqchip                struct kvm_clock_data
 *   0         4     8        520      0       8       12                 48
 *   +---------+-----+--------+        +-------+-------+------------------+
 *   | chip_id | pad | chip   |        | clock | flags | pad, realtime... |
 *   +---------+-----+--------+        +-------+-------+------------------+
 * </pre>
 *
 * @param irqchips three structures in the order of their chip ids
 */
public record ChipState(List<byte[]> irqchips, byte[] pit, byte[] clock) {
  /** PIC master, PIC slave, IOAPIC. */
  public static final int IRQCHIPS = 3;

  public static final int IRQCHIP_BYTES = 520;
  public static final int PIT_BYTES = 112;
  public static final int CLOCK_BYTES = 48;

  private static final long CHIP_ID = 0;
  private static final long CLOCK_FLAGS = Long.BYTES;

  /** Checks the sizes. */
  public ChipState {
    irqchips = List.copyOf(irqchips);
    if (irqchips.size() != IRQCHIPS
        || irqchips.stream().anyMatch(chip -> chip.length != IRQCHIP_BYTES)
        || pit.length != PIT_BYTES
        || clock.length != CLOCK_BYTES) {
      throw new IllegalArgumentException("state of the interrupt controllers does not fit");
    }
  }

  /** Reads the state of a VM whose vCPUs stand still. */
  static ChipState read(int fd) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      List<byte[]> chips = new ArrayList<>();
      for (int id = 0; id < IRQCHIPS; id++) {
        MemorySegment chip = arena.allocate(IRQCHIP_BYTES, 8);
        chip.set(ValueLayout.JAVA_INT, CHIP_ID, id);
        check(fd, KvmApi.KVM_GET_IRQCHIP, chip, "KVM_GET_IRQCHIP " + id);
        chips.add(chip.toArray(ValueLayout.JAVA_BYTE));
      }
      MemorySegment pit = arena.allocate(PIT_BYTES, 8);
      check(fd, KvmApi.KVM_GET_PIT2, pit, "KVM_GET_PIT2");
      MemorySegment clock = arena.allocate(CLOCK_BYTES, 8);
      check(fd, KvmApi.KVM_GET_CLOCK, clock, "KVM_GET_CLOCK");
      return new ChipState(
          chips, pit.toArray(ValueLayout.JAVA_BYTE), clock.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /** Writes the state to a VM that has its interrupt controllers and has not run yet. */
  void write(int fd) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      for (int id = 0; id < IRQCHIPS; id++) {
        MemorySegment chip = copy(arena, irqchips.get(id));
        // Which chip it is says its place, never the saved bytes.
        chip.set(ValueLayout.JAVA_INT, CHIP_ID, id);
        check(fd, KvmApi.KVM_SET_IRQCHIP, chip, "KVM_SET_IRQCHIP " + id);
      }
      check(fd, KvmApi.KVM_SET_PIT2, copy(arena, pit), "KVM_SET_PIT2");
      MemorySegment data = copy(arena, clock);
      // The flags of reading are not those of writing; none means: take the clock as it is.
      data.set(ValueLayout.JAVA_INT, CLOCK_FLAGS, 0);
      check(fd, KvmApi.KVM_SET_CLOCK, data, "KVM_SET_CLOCK");
    }
  }

  private static MemorySegment copy(Arena arena, byte[] content) {
    MemorySegment segment = arena.allocate(content.length, 8);
    segment.copyFrom(MemorySegment.ofArray(content));
    return segment;
  }

  private static void check(int fd, long request, MemorySegment argument, String operation)
      throws ErrnoException {
    ErrnoException.check(Syscalls.ioctl(fd, request, argument), operation);
  }
}
