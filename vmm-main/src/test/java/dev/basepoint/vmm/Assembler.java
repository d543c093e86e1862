package dev.basepoint.vmm;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/**
 * Just enough of a 32-bit x86 assembler for the guests of these tests. Code is position-dependent:
 * it starts at {@link #ORIGIN}.
 */
public final class Assembler {
  /** Where the tests' kernels are loaded. */
  public static final int ORIGIN = 0x10_0000;

  private final ByteArrayOutputStream code = new ByteArrayOutputStream();
  private final Map<String, Integer> labels = new HashMap<>();
  private final Map<Integer, String> relative32 = new HashMap<>();
  private final Map<Integer, String> absolute32 = new HashMap<>();

  /** Raw bytes. */
  public Assembler bytes(int... values) {
    for (int value : values) {
      code.write(value);
    }
    return this;
  }

  private Assembler u32(int value) {
    return bytes(value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >>> 24);
  }

  public Assembler label(String name) {
    labels.put(name, code.size());
    return this;
  }

  /** Fills up to a multiple of {@code alignment}. */
  public Assembler align(int alignment) {
    while (code.size() % alignment != 0) {
      bytes(0x90);
    }
    return this;
  }

  /** mov eax, value. */
  public Assembler movEax(int value) {
    return bytes(0xb8).u32(value);
  }

  /** mov ecx, value. */
  public Assembler movEcx(int value) {
    return bytes(0xb9).u32(value);
  }

  /** mov edx, value. */
  public Assembler movEdx(int value) {
    return bytes(0xba).u32(value);
  }

  /** mov esi, the address of {@code label}. */
  public Assembler movEsi(String label) {
    bytes(0xbe);
    absolute32.put(code.size(), label);
    return u32(0);
  }

  /** mov edi, value. */
  public Assembler movEdi(int value) {
    return bytes(0xbf).u32(value);
  }

  /** mov esp, value. */
  public Assembler movEsp(int value) {
    return bytes(0xbc).u32(value);
  }

  /** mov dword [address], value. */
  public Assembler store(int address, int value) {
    return bytes(0xc7, 0x05).u32(address).u32(value);
  }

  /** mov dword [address], eax. */
  public Assembler storeEax(int address) {
    return bytes(0xa3).u32(address);
  }

  /** mov eax, [address]. */
  public Assembler loadEax(int address) {
    return bytes(0xa1).u32(address);
  }

  /** lock inc dword [address]. */
  public Assembler lockInc(int address) {
    return bytes(0xf0, 0xff, 0x05).u32(address);
  }

  /** cmp dword [address], value. */
  public Assembler cmpMemory(int address, int value) {
    return bytes(0x81, 0x3d).u32(address).u32(value);
  }

  /** mov edx, port; mov al, value; out dx, al. */
  public Assembler outByte(int port, int value) {
    return movEdx(port).bytes(0xb0, value & 0xff, 0xee);
  }

  /** mov edx, port; mov eax, value; out dx, eax. */
  public Assembler outLong(int port, int value) {
    return movEdx(port).movEax(value).bytes(0xef);
  }

  /** Sends {@code text} to COM1 without asking for room. */
  public Assembler print(String text) {
    text.chars().forEach(c -> outByte(0x3f8, c));
    return this;
  }

  /** Turns the machine off through the ACPI sleep register. */
  public Assembler powerOff() {
    return outByte(0x600, 0x34)
        .label("halt" + code.size())
        .bytes(0xf4)
        .jump("halt" + (code.size() - 1));
  }

  public Assembler jump(String label) {
    return branch(label, 0xe9);
  }

  public Assembler call(String label) {
    return branch(label, 0xe8);
  }

  public Assembler jumpIfZero(String label) {
    return branch(label, 0x0f, 0x84);
  }

  public Assembler jumpIfNotZero(String label) {
    return branch(label, 0x0f, 0x85);
  }

  private Assembler branch(String label, int... opcode) {
    bytes(opcode);
    relative32.put(code.size(), label);
    return u32(0);
  }

  /** The address of {@code label}. */
  public int address(String label) {
    return ORIGIN + labels.get(label);
  }

  /** The finished code. */
  public byte[] assemble() {
    byte[] bytes = code.toByteArray();
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    relative32.forEach((at, label) -> buffer.putInt(at, labels.get(label) - (at + 4)));
    absolute32.forEach((at, label) -> buffer.putInt(at, address(label)));
    return bytes;
  }
}
