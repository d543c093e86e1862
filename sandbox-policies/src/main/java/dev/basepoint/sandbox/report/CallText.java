package dev.basepoint.sandbox.report;

import dev.basepoint.sandbox.policy.Syscall;
import dev.basepoint.sandbox.policy.SyscallTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** System calls as people read them. */
public final class CallText {
  private CallText() {}

  /** For example {@code openat(dfd=-100, filename=0x7f00, flags=0, mode=0)}. */
  public static String of(int number, long[] arguments) {
    Optional<Syscall> known = SyscallTable.x86_64().byNumber(number);
    if (known.isEmpty()) {
      return SyscallTable.x86_64().nameOf(number);
    }
    List<String> parts = new ArrayList<>();
    List<Syscall.Parameter> parameters = known.get().parameters();
    for (int i = 0; i < parameters.size(); i++) {
      parts.add(parameters.get(i).name() + "=" + value(arguments[i], parameters.get(i).narrow()));
    }
    return known.get().name() + "(" + String.join(", ", parts) + ")";
  }

  /** For example {@code openat(dfd, filename, flags, mode)}. */
  static String signature(Syscall syscall) {
    return syscall.parameters().stream()
        .map(Syscall.Parameter::name)
        .collect(Collectors.joining(", ", syscall.name() + "(", ")"));
  }

  private static String value(long argument, boolean narrow) {
    long value = narrow ? (int) argument : argument;
    boolean small = value > -4096 && value < 4096;
    String hex = narrow ? Integer.toHexString((int) value) : Long.toHexString(value);
    return small ? Long.toString(value) : "0x" + hex;
  }
}
