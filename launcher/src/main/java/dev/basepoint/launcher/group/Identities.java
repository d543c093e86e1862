package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Syscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;

/** Makes the identities of machines. */
public final class Identities {
  private Identities() {}

  /** For a machine that boots. */
  public static CloneIdentity ofBoot(String name) {
    return new CloneIdentity(name, generationId(), 0, new byte[0]);
  }

  /** A generation id that no machine ever had: random bytes from the kernel. */
  public static byte[] generationId() {
    return randomBytes(CloneIdentity.GENERATION_ID_BYTES);
  }

  /** 64 random bits from the kernel. */
  public static long randomBits() {
    return ByteBuffer.wrap(randomBytes(Long.BYTES)).getLong();
  }

  private static byte[] randomBytes(int byteCount) {
    // Not by SecureRandom, whose providers would cost the start of every VM tens of milliseconds.
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment id = arena.allocate(byteCount);
      // Up to 256 bytes come whole and without interruption, by getrandom(2).
      long result = Syscalls.getrandom(id, 0, byteCount);
      if (result != byteCount) {
        throw new IllegalStateException("getrandom: " + Errno.describe((int) -result));
      }
      return id.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
