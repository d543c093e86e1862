package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The only place that makes downcalls.
 *
 * <p>Each distinct downcall shape costs 7 to 15 ms of class generation at JVM start, so there is
 * exactly one: seven 64-bit arguments and a 64-bit result, with errno captured. The System V x86-64
 * calling convention lets every libc function that takes integers or pointers be called that way:
 * surplus arguments are ignored by the callee and removed by the caller.
 */
@SuppressWarnings("restricted")
final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();

  private static final FunctionDescriptor SHAPE =
      FunctionDescriptor.of(
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG,
          ValueLayout.JAVA_LONG);

  private static final MemoryLayout CALL_STATE = Linker.Option.captureStateLayout();

  private static final long ERRNO_OFFSET =
      CALL_STATE.byteOffset(MemoryLayout.PathElement.groupElement("errno"));

  /** Per thread, since a shared segment would let one thread's failure overwrite another's. */
  private static final ThreadLocal<MemorySegment> ERRNO =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

  private static final MethodHandle SYSCALL = handle("syscall");

  private Libc() {}

  /** Returns a handle of the common shape for the libc function {@code name}. */
  static MethodHandle handle(String name) {
    return handle(address(name));
  }

  /** Returns a handle of the common shape for the machine code at {@code address}. */
  static MethodHandle handle(MemorySegment address) {
    return LINKER.downcallHandle(address, SHAPE, Linker.Option.captureCallState("errno"));
  }

  /** Returns the address of the libc symbol {@code name}. */
  static MemorySegment address(String name) {
    return LINKER.defaultLookup().findOrThrow(name);
  }

  /**
   * Makes a system call.
   *
   * @return the kernel's non-negative result, or {@code -errno}
   */
  static long syscall(long number, long a, long b, long c, long d, long e, long f) {
    MemorySegment state = ERRNO.get();
    long result;
    try {
      result = (long) SYSCALL.invokeExact(state, number, a, b, c, d, e, f);
    } catch (Throwable t) {
      throw new AssertionError("a downcall cannot throw", t);
    }
    return result == -1 ? -state.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : result;
  }

  static long syscall(long number, long a, long b, long c) {
    return syscall(number, a, b, c, 0, 0, 0);
  }

  /**
   * Calls a libc function that returns an {@code int} error number, as the posix_spawn family does.
   *
   * @return 0 or a positive errno
   */
  static int call(MethodHandle function, long a, long b, long c, long d, long e, long f) {
    try {
      return (int) (long) function.invokeExact(ERRNO.get(), a, b, c, d, e, f, 0L);
    } catch (Throwable t) {
      throw new AssertionError("a downcall cannot throw", t);
    }
  }

  /** Calls machine code that returns a 64-bit result and leaves errno alone. */
  static long callCode(MethodHandle code, long argument) {
    try {
      return (long) code.invokeExact(ERRNO.get(), argument, 0L, 0L, 0L, 0L, 0L, 0L);
    } catch (Throwable t) {
      throw new AssertionError("a downcall cannot throw", t);
    }
  }

  /** Views {@code byteCount} bytes of native memory at {@code address}; never freed by Java. */
  static MemorySegment view(long address, long byteCount) {
    return MemorySegment.ofAddress(address).reinterpret(byteCount);
  }
}
