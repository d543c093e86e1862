package dev.basepoint.vmm.machine;

import dev.basepoint.vmm.kvm.ChipState;
import dev.basepoint.vmm.kvm.Msr;
import dev.basepoint.vmm.kvm.StateGroup;
import dev.basepoint.vmm.kvm.VcpuState;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.SectionKind;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Turns the state of vCPUs and interrupt controllers into sections and back. */
final class MachineStateCodec {
  private static final int MSR_BYTES = Integer.BYTES + Long.BYTES;

  private MachineStateCodec() {}

  static void put(MachineState state, int index, VcpuState vcpu) {
    int bytes = vcpu.msrs().size() * MSR_BYTES;
    for (byte[] group : vcpu.groups().values()) {
      bytes += group.length;
    }
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (StateGroup group : StateGroup.values()) {
      if (group != StateGroup.MSRS) {
        buffer.put(vcpu.groups().get(group));
      }
    }
    vcpu.msrs().forEach(msr -> buffer.putInt(msr.index()).putLong(msr.value()));
    state.put(SectionKind.VCPU, index, buffer.array());
  }

  static VcpuState vcpu(MachineState state, int index) throws IOException {
    ByteBuffer buffer = state.get(SectionKind.VCPU, index);
    Map<StateGroup, byte[]> groups = new EnumMap<>(StateGroup.class);
    List<Msr> msrs = new ArrayList<>();
    try {
      for (StateGroup group : StateGroup.values()) {
        if (group != StateGroup.MSRS) {
          byte[] content = new byte[Math.toIntExact(group.bytes())];
          buffer.get(content);
          groups.put(group, content);
        }
      }
      while (buffer.hasRemaining()) {
        msrs.add(new Msr(buffer.getInt(), buffer.getLong()));
      }
    } catch (BufferUnderflowException e) {
      throw new IOException("the saved state of vCPU " + index + " is cut off", e);
    }
    return new VcpuState(groups, msrs);
  }

  static void put(MachineState state, ChipState chips) {
    for (int id = 0; id < ChipState.IRQCHIPS; id++) {
      state.put(SectionKind.IRQCHIP, id, chips.irqchips().get(id));
    }
    state.put(SectionKind.PIT, 0, chips.pit());
    state.put(SectionKind.CLOCK, 0, chips.clock());
  }

  static ChipState chips(MachineState state) throws IOException {
    List<byte[]> irqchips = new ArrayList<>();
    for (int id = 0; id < ChipState.IRQCHIPS; id++) {
      irqchips.add(content(state, SectionKind.IRQCHIP, id, ChipState.IRQCHIP_BYTES));
    }
    return new ChipState(
        irqchips,
        content(state, SectionKind.PIT, 0, ChipState.PIT_BYTES),
        content(state, SectionKind.CLOCK, 0, ChipState.CLOCK_BYTES));
  }

  private static byte[] content(MachineState state, SectionKind kind, int index, int bytes)
      throws IOException {
    ByteBuffer buffer = state.get(kind, index);
    if (buffer.remaining() != bytes) {
      throw new IOException(
          "the saved state of %s %d has %d bytes, not %d"
              .formatted(kind, index, buffer.remaining(), bytes));
    }
    byte[] content = new byte[bytes];
    buffer.get(content);
    return content;
  }
}
