package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * System calls that a new process makes, in order, before it executes its program. The first that
 * fails ends it, and {@link #spawn} says which. Belongs to the thread that made it.
 *
 * <pre>
 *   entry   0        8      ...  48       56       64         72 bytes
 *           +--------+--- ... ---+--------+--------+----------+
 *           | number | 6 arguments        | result | store at |
 *           +--------+--- ... ---+--------+--------+----------+
 * </pre>
 */
public final class SyscallScript implements AutoCloseable {
  private static final long RESULT = 56;
  private static final long STORE_AT = 64;
  private static final long ENTRY_BYTES = 72;
  private static final int ENTRIES_MAX = 1024;
  private static final long NOT_RUN = Long.MIN_VALUE;

  private static final long CLONE_VM = 0x100;
  private static final long CLONE_PIDFD = 0x1000;
  private static final long CLONE_VFORK = 0x4000;
  private static final long CLONE_CLEAR_SIGHAND = 0x1_0000_0000L;
  private static final int CLONE_ARGS_BYTES = 64;

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment entries = arena.allocate(ENTRIES_MAX * ENTRY_BYTES, 8);
  private final List<Step> steps = new ArrayList<>();
  private String primitive = "process";

  private record Step(String primitive, String operation) {}

  /** A child whose preparation failed: what it needed, what it tried, and the kernel's answer. */
  public static final class Failure extends Exception {
    private final String primitive;
    private final int errno;

    Failure(String primitive, String operation, int errno) {
      super(operation + ": " + Errno.describe(errno));
      this.primitive = primitive;
      this.errno = errno;
    }

    /** The kernel's facility, as given to {@link SyscallScript#needs}. */
    public String primitive() {
      return primitive;
    }

    /** The positive error number. */
    public int errno() {
      return errno;
    }
  }

  /** Names the facility that the following calls need, for failures. */
  public SyscallScript needs(String facility) {
    primitive = facility;
    return this;
  }

  /**
   * Appends a call.
   *
   * @param operation what it does, for failures
   * @param arguments at most six
   */
  SyscallScript call(String operation, int number, long... arguments) {
    if (steps.size() == ENTRIES_MAX) {
      throw new IllegalStateException("a script has at most " + ENTRIES_MAX + " calls");
    }
    long entry = steps.size() * ENTRY_BYTES;
    entries.set(ValueLayout.JAVA_LONG, entry, number);
    for (int i = 0; i < arguments.length; i++) {
      entries.set(ValueLayout.JAVA_LONG, entry + 8 + i * 8L, arguments[i]);
    }
    entries.set(ValueLayout.JAVA_LONG, entry + RESULT, NOT_RUN);
    steps.add(new Step(primitive, operation));
    return this;
  }

  /** Lets the last call's result become argument {@code index} of the call {@code ahead} later. */
  SyscallScript resultToArgument(int ahead, int index) {
    long target = (steps.size() - 1 + ahead) * ENTRY_BYTES + 8 + index * 8L;
    entries.set(
        ValueLayout.JAVA_LONG,
        (steps.size() - 1) * ENTRY_BYTES + STORE_AT,
        entries.address() + target);
    return this;
  }

  /** Memory that lives as long as the script. */
  MemorySegment bytes(long byteCount) {
    return arena.allocate(byteCount, 8);
  }

  /** A C string that lives as long as the script. */
  MemorySegment string(String text) {
    return arena.allocateFrom(text);
  }

  /** An array of C strings with a null pointer at its end. */
  MemorySegment strings(List<String> texts) {
    MemorySegment array = bytes((texts.size() + 1) * 8L);
    for (int i = 0; i < texts.size(); i++) {
      array.set(ValueLayout.JAVA_LONG, i * 8L, string(texts.get(i)).address());
    }
    return array;
  }

  /**
   * Starts a process in the given new namespaces, with all signals at their defaults and blocked,
   * and lets it run the script. Returns once it executes its program.
   *
   * @param namespaceFlags CLONE_NEW* flags
   * @throws Failure if clone3 or a call of the script failed; the child is gone then
   */
  public ChildProcess spawn(long namespaceFlags) throws Failure, ErrnoException {
    MemorySegment pidfd = bytes(8);
    MemorySegment cloneArgs = bytes(CLONE_ARGS_BYTES);
    cloneArgs.set(
        ValueLayout.JAVA_LONG,
        0,
        CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | namespaceFlags);
    cloneArgs.set(ValueLayout.JAVA_LONG, 8, pidfd.address());
    cloneArgs.set(ValueLayout.JAVA_LONG, 32, Signals.SIGCHLD);
    MemorySegment request = bytes(48);
    request.set(ValueLayout.JAVA_LONG, 0, cloneArgs.address());
    request.set(ValueLayout.JAVA_LONG, 8, CLONE_ARGS_BYTES);
    request.set(ValueLayout.JAVA_LONG, 16, entries.address());
    request.set(ValueLayout.JAVA_LONG, 24, -1L);
    long pid = SpawnCode.run(request);
    if (pid < 0) {
      throw new Failure(NamespaceFlags.describe(namespaceFlags), "clone3", (int) -pid);
    }
    ChildProcess child = ChildProcess.of((int) pid, Fd.own(pidfd.get(ValueLayout.JAVA_INT, 0)));
    for (int i = 0; i < steps.size(); i++) {
      long result = entries.get(ValueLayout.JAVA_LONG, i * ENTRY_BYTES + RESULT);
      if (result < 0 && result != NOT_RUN) {
        child.awaitExit(System.nanoTime() + 1_000_000_000L);
        child.close();
        Step step = steps.get(i);
        throw new Failure(step.primitive(), step.operation(), (int) -result);
      }
    }
    return child;
  }

  @Override
  public void close() {
    arena.close();
  }
}
