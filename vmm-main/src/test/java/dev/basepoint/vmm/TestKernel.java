package dev.basepoint.vmm;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Wraps code into a PVH ELF file: header, a PT_LOAD and a PT_NOTE, whose fields tests may damage.
 */
public final class TestKernel {
  public static final int PHDR_LOAD = 64;
  public static final int PHDR_NOTE = 64 + 56;
  public static final int NOTE = 64 + 2 * 56;
  private static final int NOTE_BYTES = 12 + 4 + 4;
  public static final int CODE = 256;

  private final ByteBuffer file;

  public TestKernel(byte[] code) {
    file = ByteBuffer.allocate(CODE + code.length).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0, 0x464c457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
    file.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    file.putLong(32, PHDR_LOAD).putShort(52, (short) 64);
    file.putShort(54, (short) 56).putShort(56, (short) 2);
    programHeader(PHDR_LOAD, 1, CODE, Assembler.ORIGIN, code.length, code.length);
    programHeader(PHDR_NOTE, 4, NOTE, 0, NOTE_BYTES, NOTE_BYTES);
    file.putInt(NOTE, 4).putInt(NOTE + 4, 4).putInt(NOTE + 8, 18);
    file.put(NOTE + 12, "Xen\0".getBytes(StandardCharsets.US_ASCII));
    file.putInt(NOTE + 16, Assembler.ORIGIN);
    file.put(CODE, code);
  }

  private void programHeader(
      int at, int type, long offset, long paddr, long fileBytes, long memoryBytes) {
    file.putInt(at, type).putInt(at + 4, 7).putLong(at + 8, offset).putLong(at + 16, paddr);
    file.putLong(at + 24, paddr).putLong(at + 32, fileBytes).putLong(at + 40, memoryBytes);
    file.putLong(at + 48, 4);
  }

  /** The file's bytes, to be changed. */
  public ByteBuffer file() {
    return file;
  }

  /** The file behind a descriptor. */
  public Fd open() throws ErrnoException {
    return memfd("kernel", file.array());
  }

  /** {@code content} behind a descriptor. */
  public static Fd memfd(String name, byte[] content) throws ErrnoException {
    Fd fd = MemFd.create(name, 0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, content);
      ErrnoException.check(Syscalls.pwrite(fd.number(), bytes, 0), "pwrite");
    }
    return fd;
  }
}
