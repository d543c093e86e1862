package dev.basepoint.vmm.kvm;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * All state of one vCPU that stands still at an instruction boundary.
 *
 * @param groups the content of every group but {@link StateGroup#MSRS}
 */
public record VcpuState(Map<StateGroup, byte[]> groups, List<Msr> msrs) {
  /** Checks that every group is there and has its size. */
  public VcpuState {
    groups = new EnumMap<>(groups);
    msrs = List.copyOf(msrs);
    for (StateGroup group : StateGroup.values()) {
      byte[] content = groups.get(group);
      boolean fits =
          group == StateGroup.MSRS
              ? content == null
              : content != null && content.length == group.bytes();
      if (!fits) {
        throw new IllegalArgumentException("vCPU state group " + group + " does not fit");
      }
    }
  }

  /**
   * Reads the state.
   *
   * @param msrIndices {@link KvmSystem#msrIndices}
   */
  static VcpuState read(int fd, int[] msrIndices) throws IOException {
    Map<StateGroup, byte[]> groups = new EnumMap<>(StateGroup.class);
    try (Arena arena = Arena.ofConfined()) {
      for (StateGroup group : StateGroup.values()) {
        if (group != StateGroup.MSRS) {
          MemorySegment segment = arena.allocate(group.bytes(), 8);
          ErrnoException.check(
              Syscalls.ioctl(fd, group.getRequest(), segment), "reading the vCPU's " + group);
          groups.put(group, segment.toArray(ValueLayout.JAVA_BYTE));
        }
      }
      return new VcpuState(groups, readMsrs(arena, fd, msrIndices));
    }
  }

  /** In batches that end where the kernel refuses a register; such a one has no state to save. */
  private static List<Msr> readMsrs(Arena arena, int fd, int[] indices) throws IOException {
    List<Msr> msrs = new ArrayList<>(indices.length);
    int from = 0;
    while (from < indices.length) {
      Msr[] wanted = new Msr[indices.length - from];
      for (int i = 0; i < wanted.length; i++) {
        wanted[i] = new Msr(indices[from + i], 0);
      }
      MemorySegment batch = KvmMsrs.encode(arena, wanted);
      int count =
          (int)
              ErrnoException.check(Syscalls.ioctl(fd, KvmApi.KVM_GET_MSRS, batch), "KVM_GET_MSRS");
      msrs.addAll(KvmMsrs.decode(batch, count));
      from += count + 1;
    }
    return msrs;
  }

  /** Writes the state to a vCPU that has not run yet and has the CPUID that it was read under. */
  void write(int fd) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      for (StateGroup group : StateGroup.values()) {
        if (group == StateGroup.MSRS) {
          writeMsrs(arena, fd);
        } else {
          MemorySegment segment = arena.allocate(group.bytes(), 8);
          segment.copyFrom(MemorySegment.ofArray(groups.get(group)));
          ErrnoException.check(
              Syscalls.ioctl(fd, group.setRequest(), segment), "writing the vCPU's " + group);
        }
      }
    }
  }

  private void writeMsrs(Arena arena, int fd) throws IOException {
    int from = 0;
    while (from < msrs.size()) {
      Msr[] batch = msrs.subList(from, msrs.size()).toArray(Msr[]::new);
      int count =
          (int)
              ErrnoException.check(
                  Syscalls.ioctl(fd, KvmApi.KVM_SET_MSRS, KvmMsrs.encode(arena, batch)),
                  "KVM_SET_MSRS");
      from += count;
      if (from < msrs.size()) {
        checkHasValueAlready(arena, fd, msrs.get(from));
        from++;
      }
    }
  }

  /** A register that the host fixes may be refused, if what it holds is what is wanted. */
  private static void checkHasValueAlready(Arena arena, int fd, Msr wanted) throws IOException {
    MemorySegment one = KvmMsrs.encode(arena, new Msr(wanted.index(), 0));
    long count = ErrnoException.check(Syscalls.ioctl(fd, KvmApi.KVM_GET_MSRS, one), "KVM_GET_MSRS");
    if (count != 1 || KvmMsrs.decode(one, 1).getFirst().value() != wanted.value()) {
      throw new IOException(
          "this host refuses value 0x%x of MSR 0x%x; restore the VM on a host with the same CPU"
              .formatted(wanted.value(), wanted.index()));
    }
  }
}
