package dev.basepoint.sandbox.bpf;

import java.util.ArrayList;
import java.util.List;

/**
 * Turns loads, forward branches and returns with symbolic labels into instructions. A conditional
 * jump reaches 255 instructions; where its target is further away, an unconditional one is put
 * behind it.
 */
final class BpfAssembler {
  private static final int MAX_SHORT_JUMP = 255;

  /** A place in the program. */
  static final class Label {
    private int position = -1;
  }

  private sealed interface Item {
    record Plain(BpfInstruction instruction) implements Item {}

    record Mark(Label label) implements Item {}

    record Jump(Label label) implements Item {}
  }

  private static final class Branch implements Item {
    final int code;
    final int k;
    final Label whenTrue;
    final Label whenFalse;
    boolean farTrue;
    boolean farFalse;

    Branch(int code, int k, Label whenTrue, Label whenFalse) {
      this.code = code;
      this.k = k;
      this.whenTrue = whenTrue;
      this.whenFalse = whenFalse;
    }

    int size() {
      return 1 + (farTrue ? 1 : 0) + (farFalse ? 1 : 0);
    }
  }

  private final List<Item> items = new ArrayList<>();

  /** {@code A = *(u32 *)(seccomp_data + offset)}. */
  void load(int offset) {
    plain(BpfOpcode.BPF_LD | BpfOpcode.BPF_W | BpfOpcode.BPF_ABS, offset);
  }

  /** {@code A &= mask}. */
  void and(int mask) {
    plain(BpfOpcode.BPF_ALU | BpfOpcode.BPF_AND | BpfOpcode.BPF_K, mask);
  }

  void ret(int value) {
    plain(BpfOpcode.BPF_RET | BpfOpcode.BPF_K, value);
  }

  /** Compares A with {@code k} by BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET. */
  void branch(int comparison, int k, Label whenTrue, Label whenFalse) {
    items.add(new Branch(BpfOpcode.BPF_JMP | comparison | BpfOpcode.BPF_K, k, whenTrue, whenFalse));
  }

  /** Goes to {@code label}. */
  void jump(Label label) {
    items.add(new Item.Jump(label));
  }

  void place(Label label) {
    items.add(new Item.Mark(label));
  }

  private void plain(int code, int k) {
    items.add(new Item.Plain(new BpfInstruction(code, 0, 0, k)));
  }

  BpfProgram assemble() {
    // Widening one branch only moves targets further away, so this ends.
    do {
      layOut();
    } while (widen());
    List<BpfInstruction> out = new ArrayList<>();
    for (Item item : items) {
      switch (item) {
        case Item.Plain(BpfInstruction instruction) -> out.add(instruction);
        case Item.Mark _ -> {}
        case Item.Jump(Label label) -> out.add(always(skip(label, out.size() + 1)));
        case Branch branch -> emit(branch, out);
      }
    }
    return new BpfProgram(out);
  }

  private void layOut() {
    int position = 0;
    for (Item item : items) {
      switch (item) {
        case Item.Plain _, Item.Jump _ -> position++;
        case Item.Mark(Label label) -> label.position = position;
        case Branch branch -> position += branch.size();
      }
    }
  }

  private boolean widen() {
    boolean changed = false;
    int position = 0;
    for (Item item : items) {
      switch (item) {
        case Item.Plain _, Item.Jump _ -> position++;
        case Item.Mark _ -> {}
        case Branch branch -> {
          int next = position + 1;
          if (!branch.farTrue && branch.whenTrue.position - next > MAX_SHORT_JUMP) {
            branch.farTrue = true;
            changed = true;
          }
          if (!branch.farFalse && branch.whenFalse.position - next > MAX_SHORT_JUMP) {
            branch.farFalse = true;
            changed = true;
          }
          position += branch.size();
        }
      }
    }
    return changed;
  }

  private static void emit(Branch branch, List<BpfInstruction> out) {
    int next = out.size() + 1;
    int toTrue = skip(branch.whenTrue, next);
    int toFalse = skip(branch.whenFalse, next);
    out.add(
        new BpfInstruction(
            branch.code,
            branch.farTrue ? 0 : toTrue,
            branch.farFalse ? (branch.farTrue ? 1 : 0) : toFalse,
            branch.k));
    if (branch.farTrue) {
      out.add(always(skip(branch.whenTrue, out.size() + 1)));
    }
    if (branch.farFalse) {
      out.add(always(skip(branch.whenFalse, out.size() + 1)));
    }
  }

  private static BpfInstruction always(int distance) {
    return new BpfInstruction(BpfOpcode.BPF_JMP | BpfOpcode.BPF_JA, 0, 0, distance);
  }

  private static int skip(Label label, int from) {
    if (label.position < from) {
      throw new IllegalStateException("a jump backwards, or to a label that was never placed");
    }
    return label.position - from;
  }
}
