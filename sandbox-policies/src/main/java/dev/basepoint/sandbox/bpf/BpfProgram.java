package dev.basepoint.sandbox.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** A classic BPF program. */
public record BpfProgram(List<BpfInstruction> instructions) {
  public BpfProgram {
    instructions = List.copyOf(instructions);
    if (instructions.isEmpty() || instructions.size() > BpfOpcode.BPF_MAXINSNS) {
      throw new IllegalArgumentException(
          instructions.size() + " instructions; the kernel takes 1 to " + BpfOpcode.BPF_MAXINSNS);
    }
  }

  /** The program as the kernel's array of {@code struct sock_filter}. */
  public byte[] toBytes() {
    ByteBuffer bytes =
        ByteBuffer.allocate(instructions.size() * BpfInstruction.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (BpfInstruction instruction : instructions) {
      bytes.putShort((short) instruction.code());
      bytes.put((byte) instruction.jt());
      bytes.put((byte) instruction.jf());
      bytes.putInt(instruction.k());
    }
    return bytes.array();
  }

  /**
   * Reads what {@link #toBytes} wrote.
   *
   * @throws IllegalArgumentException if the length is no multiple of an instruction or too large
   */
  public static BpfProgram ofBytes(byte[] bytes) {
    if (bytes.length % BpfInstruction.BYTES != 0) {
      throw new IllegalArgumentException(bytes.length + " bytes are no whole instructions");
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    List<BpfInstruction> instructions = new ArrayList<>();
    while (buffer.hasRemaining()) {
      instructions.add(
          new BpfInstruction(
              Short.toUnsignedInt(buffer.getShort()),
              Byte.toUnsignedInt(buffer.get()),
              Byte.toUnsignedInt(buffer.get()),
              buffer.getInt()));
    }
    return new BpfProgram(instructions);
  }
}
