package dev.basepoint.vmm.bench;

import java.io.ByteArrayOutputStream;

/** A guest instruction that leaves the guest, repeated for ever. */
enum ExitKind {
  /** out dx, al. */
  PORT_OUT("port_out", 0xee, 1),
  /** in al, dx. */
  PORT_IN("port_in", 0xec, 1),
  /** mov [edi], eax. */
  MMIO_WRITE("mmio_write", 0x0789, 2),
  /** mov eax, [edi]. */
  MMIO_READ("mmio_read", 0x078b, 2);

  static final int PORT = 0x700;
  static final long MMIO_GPA = 0xd000_0000L;
  static final long CODE_GPA = 0x10_0000;

  private static final int MOV_EDX = 0xba;
  private static final int MOV_EDI = 0xbf;
  private static final int JMP_SHORT = 0xeb;

  private final String wireName;
  private final int instruction;
  private final int instructionBytes;

  ExitKind(String wireName, int instruction, int instructionBytes) {
    this.wireName = wireName;
    this.instruction = instruction;
    this.instructionBytes = instructionBytes;
  }

  String wireName() {
    return wireName;
  }

  /** 32-bit code: edx and edi set up, then the instruction and a jump back to it. */
  byte[] code() {
    ByteArrayOutputStream code = new ByteArrayOutputStream();
    code.write(MOV_EDX);
    write(code, PORT, Integer.BYTES);
    code.write(MOV_EDI);
    write(code, (int) MMIO_GPA, Integer.BYTES);
    write(code, instruction, instructionBytes);
    code.write(JMP_SHORT);
    code.write(-(instructionBytes + 2));
    return code.toByteArray();
  }

  private static void write(ByteArrayOutputStream code, int value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      code.write(value >>> (i * Byte.SIZE));
    }
  }
}
