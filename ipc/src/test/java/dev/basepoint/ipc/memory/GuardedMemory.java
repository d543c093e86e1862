package dev.basepoint.ipc.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Memory for tests that prove what was not touched.
 *
 * <pre>
 *   | canary pages | memory ... | canary pages |
 * </pre>
 *
 * The canaries belong to the same allocation, so that a stray native access meets them instead of a
 * fault. {@link #remember} and {@link #assertOnlyChanged} show which bytes of the memory itself
 * changed.
 */
public final class GuardedMemory implements AutoCloseable {
  private static final long GUARD_BYTES = 64 * 1024;
  private static final byte CANARY = (byte) 0xa5;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment whole;
  private final MemorySegment memory;
  private final MemorySegment canary;
  private final MemorySegment remembered;

  /** A range of the memory, {@code offset} counting from its start. */
  public record Range(long offset, long byteCount) {}

  /** Allocates {@code byteCount} zero bytes, page-aligned, between canaries. */
  public GuardedMemory(long byteCount) {
    whole = arena.allocate(GUARD_BYTES + byteCount + GUARD_BYTES, 4096);
    memory = whole.asSlice(GUARD_BYTES, byteCount);
    canary = arena.allocate(GUARD_BYTES).fill(CANARY);
    remembered = arena.allocate(byteCount);
    whole.asSlice(0, GUARD_BYTES).fill(CANARY);
    whole.asSlice(GUARD_BYTES + byteCount, GUARD_BYTES).fill(CANARY);
  }

  /** The memory without its canaries. */
  public MemorySegment segment() {
    return memory;
  }

  /** The memory as an address space from {@code baseGpa} on. */
  public GuestMemory guestMemory(long baseGpa) {
    return new GuestMemory(List.of(new MemoryRegion(baseGpa, memory.byteSize(), memory)));
  }

  /** Fails if anything was written outside the memory. */
  public void assertCanariesIntact() {
    long end = GUARD_BYTES + memory.byteSize();
    long before = MemorySegment.mismatch(whole, 0, GUARD_BYTES, canary, 0, GUARD_BYTES);
    long after = MemorySegment.mismatch(whole, end, end + GUARD_BYTES, canary, 0, GUARD_BYTES);
    if (before >= 0) {
      throw new AssertionError("written " + (GUARD_BYTES - before) + " bytes before the memory");
    }
    if (after >= 0) {
      throw new AssertionError("written " + after + " bytes past the memory's end");
    }
  }

  /** Keeps a copy of the memory for {@link #assertOnlyChanged}. */
  public void remember() {
    remembered.copyFrom(memory);
  }

  /** Fails if a byte outside {@code allowed} differs from what {@link #remember} saw. */
  public void assertOnlyChanged(List<Range> allowed) {
    for (Range range : allowed) {
      MemorySegment.copy(memory, range.offset, remembered, range.offset, range.byteCount);
    }
    long offset = memory.mismatch(remembered);
    if (offset >= 0) {
      throw new AssertionError("byte at offset " + offset + " of the memory was changed");
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
