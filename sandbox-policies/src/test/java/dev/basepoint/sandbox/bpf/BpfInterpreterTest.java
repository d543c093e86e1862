package dev.basepoint.sandbox.bpf;

import static dev.basepoint.sandbox.bpf.BpfOpcode.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One instruction at a time; expected values are written by hand from filter.rst. */
class BpfInterpreterTest {
  private static final SeccompData DATA =
      new SeccompData(
          257,
          SeccompData.AUDIT_ARCH_X86_64,
          0x1111_2222_3333_4444L,
          new long[] {
            0xaaaa_0001_bbbb_0001L, 0xaaaa_0002_bbbb_0002L, 0xaaaa_0003_bbbb_0003L,
            0xaaaa_0004_bbbb_0004L, 0xaaaa_0005_bbbb_0005L, 0xaaaa_0006_bbbb_0006L
          });

  private static BpfInstruction op(int code, int k) {
    return new BpfInstruction(code, 0, 0, k);
  }

  private static BpfInstruction jump(int code, int k, int jt, int jf) {
    return new BpfInstruction(BPF_JMP | code, jt, jf, k);
  }

  private static final BpfInstruction RETURN_A = op(BPF_RET | BPF_A, 0);

  private static int run(BpfInstruction... instructions) {
    return new BpfInterpreter(new BpfProgram(List.of(instructions))).run(DATA);
  }

  @Test
  void loadsEveryWordOfSeccompData() {
    int[] expected = new int[16];
    expected[0] = 257;
    expected[1] = 0xc000_003e;
    expected[2] = 0x3333_4444;
    expected[3] = 0x1111_2222;
    for (int argument = 0; argument < 6; argument++) {
      expected[4 + 2 * argument] = 0xbbbb_0001 + argument;
      expected[5 + 2 * argument] = 0xaaaa_0001 + argument;
    }
    for (int word = 0; word < 16; word++) {
      assertEquals(expected[word], run(op(BPF_LD | BPF_ABS, word * 4), RETURN_A), "word " + word);
    }
  }

  @Test
  void loadsImmediatesLengthAndMemory() {
    assertEquals(7, run(op(BPF_LD | BPF_IMM, 7), RETURN_A));
    assertEquals(64, run(op(BPF_LD | BPF_LEN, 0), RETURN_A));
    assertEquals(64, run(op(BPF_LDX | BPF_LEN, 0), op(BPF_MISC | BPF_TXA, 0), RETURN_A));
    assertEquals(9, run(op(BPF_LDX | BPF_IMM, 9), op(BPF_MISC | BPF_TXA, 0), RETURN_A));
    assertEquals(
        5,
        run(
            op(BPF_LD | BPF_IMM, 5),
            op(BPF_ST, 15),
            op(BPF_LD | BPF_IMM, 6),
            op(BPF_LD | BPF_MEM, 15),
            RETURN_A));
    assertEquals(
        8,
        run(
            op(BPF_LD | BPF_IMM, 8),
            op(BPF_MISC | BPF_TAX, 0),
            op(BPF_STX, 3),
            op(BPF_LDX | BPF_IMM, 1),
            op(BPF_LDX | BPF_MEM, 3),
            op(BPF_LD | BPF_IMM, 2),
            op(BPF_MISC | BPF_TXA, 0),
            RETURN_A));
    assertEquals(0, run(op(BPF_LD | BPF_MEM, 0), RETURN_A), "scratch words begin as zero");
  }

  @ParameterizedTest
  @CsvSource({
    "0x00, 7, 5, 12",
    "0x00, -1, 1, 0",
    "0x10, 7, 5, 2",
    "0x10, 5, 7, -2",
    "0x20, 7, 5, 35",
    "0x30, 35, 5, 7",
    "0x30, -1, 2, 0x7fffffff",
    "0x40, 12, 3, 15",
    "0x50, 12, 10, 8",
    "0x60, 1, 31, -2147483648",
    "0x70, -1, 28, 15",
    "0xa0, 12, 10, 6",
  })
  void computesWithConstantsAndWithX(String operation, int left, int right, String expected) {
    int code = BPF_ALU | Integer.decode(operation);
    int result = Integer.decode(expected);
    assertEquals(result, run(op(BPF_LD | BPF_IMM, left), op(code | BPF_K, right), RETURN_A));
    assertEquals(
        result,
        run(
            op(BPF_LDX | BPF_IMM, right),
            op(BPF_LD | BPF_IMM, left),
            op(code | BPF_X, 0),
            RETURN_A));
  }

  @Test
  void negatesAndSurvivesDivisionByZero() {
    assertEquals(-7, run(op(BPF_LD | BPF_IMM, 7), op(BPF_ALU | BPF_NEG, 0), RETURN_A));
    assertEquals(
        0, run(op(BPF_LD | BPF_IMM, 7), op(BPF_ALU | BPF_DIV | BPF_X, 0), op(BPF_RET, 99)));
  }

  @ParameterizedTest
  @CsvSource({
    "0x10, 5, 5, true",
    "0x10, 5, 6, false",
    "0x20, 6, 5, true",
    "0x20, 5, 5, false",
    "0x20, -1, 5, true",
    "0x20, 5, -1, false",
    "0x30, 5, 5, true",
    "0x30, 4, 5, false",
    "0x30, -1, 0x7fffffff, true",
    "0x40, 6, 2, true",
    "0x40, 6, 1, false",
  })
  void comparesUnsigned(String comparison, int left, String right, boolean expected) {
    int k = Integer.decode(right);
    int code = Integer.decode(comparison);
    BpfInstruction no = op(BPF_RET, 1);
    BpfInstruction yes = op(BPF_RET, 2);
    assertEquals(expected ? 2 : 1, run(op(BPF_LD | BPF_IMM, left), jump(code, k, 1, 0), no, yes));
    assertEquals(
        expected ? 2 : 1,
        run(
            op(BPF_LD | BPF_IMM, left),
            op(BPF_LDX | BPF_IMM, k),
            jump(code | BPF_X, 0, 1, 0),
            no,
            yes));
    assertEquals(expected ? 1 : 2, run(op(BPF_LD | BPF_IMM, left), jump(code, k, 0, 1), no, yes));
  }

  @Test
  void jumpsFar() {
    List<BpfInstruction> program = new ArrayList<>();
    program.add(jump(BPF_JA, 1000, 0, 0));
    for (int i = 0; i < 1000; i++) {
      program.add(op(BPF_RET, 1));
    }
    program.add(op(BPF_RET, 2));
    assertEquals(2, new BpfInterpreter(new BpfProgram(program)).run(DATA));
  }

  @Test
  void startsAfreshEachTime() {
    BpfInterpreter interpreter =
        new BpfInterpreter(
            new BpfProgram(
                List.of(
                    op(BPF_ALU | BPF_ADD, 1),
                    op(BPF_MISC | BPF_TAX, 0),
                    op(BPF_ALU | BPF_ADD | BPF_X, 0),
                    RETURN_A)));
    assertEquals(2, interpreter.run(DATA));
    assertEquals(2, interpreter.run(DATA));
  }

  @Test
  void refusesWhatTheKernelRefuses() {
    BpfInstruction end = op(BPF_RET, 0);
    refused("the last instruction", op(BPF_LD | BPF_IMM, 0));
    refused("instruction 0: loads from offset 64", op(BPF_LD | BPF_ABS, 64), end);
    refused("instruction 0: loads from offset 2", op(BPF_LD | BPF_ABS, 2), end);
    refused("instruction 0: loads from offset -4", op(BPF_LD | BPF_ABS, -4), end);
    refused("instruction 0: loads from offset 0", op(BPF_LDX | BPF_ABS, 0), end);
    refused("instruction 0: there is no scratch word 16", op(BPF_ST, 16), end);
    refused("instruction 0: there is no scratch word -1", op(BPF_LD | BPF_MEM, -1), end);
    refused("instruction 0: divides by zero", op(BPF_ALU | BPF_DIV, 0), end);
    refused("instruction 0: shifts by 32", op(BPF_ALU | BPF_LSH, 32), end);
    refused("instruction 0: code 0x94 is unknown", op(BPF_ALU | 0x90, 1), end);
    refused("instruction 0: code 0x30 is unknown", op(0x30, 0), end);
    refused("instruction 0: code 0x55 is unknown", jump(0x50, 0, 0, 0), end);
    refused("instruction 0: code 0x0e is unknown", op(BPF_RET | BPF_X, 0), end);
    refused("instruction 0: code 0x47 is unknown", op(BPF_MISC | 0x40, 0), end);
    refused("instruction 0: jumps too far", jump(BPF_JEQ, 0, 1, 0), end);
    refused("instruction 0: jumps too far", jump(BPF_JEQ, 0, 0, 255), end);
    refused("instruction 0: jumps too far", jump(BPF_JA, -1, 0, 0), end);
    refused("instruction 1: jumps too far", end, jump(BPF_JA, 0, 0, 0));
  }

  private static void refused(String reason, BpfInstruction... program) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> run(program), reason).getMessage();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void keepsProgramsThroughBytes() {
    BpfProgram program =
        new BpfProgram(List.of(jump(BPF_JEQ, 0xc000_003e, 255, 1), op(BPF_RET, 0x7fff_0000)));
    byte[] bytes = program.toBytes();
    assertEquals(
        "[21, 0, -1, 1, 62, 0, 0, -64, 6, 0, 0, 0, 0, 0, -1, 127]", Arrays.toString(bytes));
    assertEquals(program, BpfProgram.ofBytes(bytes));
    assertThrows(IllegalArgumentException.class, () -> BpfProgram.ofBytes(new byte[9]));
    assertThrows(IllegalArgumentException.class, () -> BpfProgram.ofBytes(new byte[0]));
    assertThrows(IllegalArgumentException.class, () -> BpfProgram.ofBytes(new byte[8 * 4097]));
  }
}
