package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a process must do to itself to complete its sandbox: lower resource limits, then filter its
 * system calls. The launcher, whom every process trusts, compiles it; it travels as bytes.
 *
 * <pre>
 *   0        1        2                         2 + 9 * n
 *   +--------+--------+--------------- ... -----+--- ... -----------+
 *   | notify | n      | n x { u8 resource,      | filter, an array  |
 *   |        |        |       u64 value }       | of sock_filter    |
 *   +--------+--------+--------------- ... -----+--- ... -----------+
 * </pre>
 *
 * @param limits set as soft and hard limit alike
 * @param filter an array of {@code struct sock_filter}
 * @param notifies whether the filter holds calls for a listener
 */
public record SandboxOrder(List<Limit> limits, byte[] filter, boolean notifies) {
  /** Most bytes of an order: 16 limits and the longest filter that the kernel takes. */
  public static final int BYTES_MAX = 2 + 16 * 9 + 4096 * 8;

  private static final int RLIM_NLIMITS = 16;
  private static final int LIMIT_BYTES = 1 + Long.BYTES;

  /**
   * A resource limit.
   *
   * @param resource an RLIMIT_ number
   */
  public record Limit(int resource, long value) {
    public Limit {
      if (resource < 0 || resource >= RLIM_NLIMITS) {
        throw new IllegalArgumentException("there is no resource " + resource);
      }
    }
  }

  public SandboxOrder {
    limits = List.copyOf(limits);
    if (limits.size() > RLIM_NLIMITS) {
      throw new IllegalArgumentException(limits.size() + " limits");
    }
  }

  /** The order as bytes. */
  public byte[] toBytes() {
    ByteBuffer bytes =
        ByteBuffer.allocate(2 + limits.size() * LIMIT_BYTES + filter.length)
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) (notifies ? 1 : 0));
    bytes.put((byte) limits.size());
    for (Limit limit : limits) {
      bytes.put((byte) limit.resource());
      bytes.putLong(limit.value());
    }
    return bytes.put(filter).array();
  }

  /**
   * Reads what {@link #toBytes} wrote.
   *
   * @throws IllegalArgumentException if it is malformed
   */
  public static SandboxOrder ofBytes(byte[] order) {
    ByteBuffer bytes = ByteBuffer.wrap(order).order(ByteOrder.LITTLE_ENDIAN);
    try {
      boolean notifies = bytes.get() != 0;
      int count = bytes.get();
      List<Limit> limits = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        limits.add(new Limit(bytes.get(), bytes.getLong()));
      }
      byte[] filter = new byte[bytes.remaining()];
      bytes.get(filter);
      return new SandboxOrder(limits, filter, notifies);
    } catch (BufferUnderflowException e) {
      throw new IllegalArgumentException("a sandbox order of " + order.length + " bytes", e);
    }
  }

  /**
   * Carries the order out on this process, all its threads, for good. To be called when everything
   * that opens a file or loads a native library has been done, and before anything is read that
   * comes from a guest or a peer.
   *
   * @return if the filter notifies, the listener: it goes to the launcher with the next message and
   *     must be closed here at once after that
   * @throws ErrnoException if the kernel refuses; the process must then end
   */
  public Optional<Fd> apply() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rlimit = arena.allocate(16, 8);
      for (Limit limit : limits) {
        rlimit.set(ValueLayout.JAVA_LONG, 0, limit.value());
        rlimit.set(ValueLayout.JAVA_LONG, 8, limit.value());
        ErrnoException.check(
            Libc.syscall(Syscalls.SYS_PRLIMIT64, 0, limit.resource(), rlimit.address(), 0, 0, 0),
            "prlimit64 of resource " + limit.resource());
      }
    }
    return Seccomp.install(filter, notifies);
  }
}
