package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The x86-64 system calls by name and by number, read from {@code syscalls-x86_64.tbl}. */
public final class SyscallTable {
  private static final String FILE = "syscalls-x86_64.tbl";

  private final Map<String, Syscall> byName;
  private final Map<Integer, Syscall> byNumber;

  private SyscallTable(List<Syscall> syscalls) {
    Map<String, Syscall> names = new HashMap<>();
    Map<Integer, Syscall> numbers = new HashMap<>();
    for (Syscall syscall : syscalls) {
      if (names.put(syscall.name(), syscall) != null
          || numbers.put(syscall.number(), syscall) != null) {
        throw new IllegalStateException(FILE + ": " + syscall.name() + " stands twice");
      }
    }
    byName = Map.copyOf(names);
    byNumber = Map.copyOf(numbers);
  }

  /** The shipped table. */
  public static SyscallTable x86_64() {
    return Shipped.TABLE;
  }

  /** Finds a call by its name, as in {@code asm/unistd_64.h} without the prefix. */
  public Optional<Syscall> byName(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /** Finds a call by its number. */
  public Optional<Syscall> byNumber(int number) {
    return Optional.ofNullable(byNumber.get(number));
  }

  /** The call's name, or {@code "syscall N"} for a number that the table does not know. */
  public String nameOf(int number) {
    return byNumber(number).map(Syscall::name).orElse("syscall " + number);
  }

  /** The highest number in the table. */
  public int highestNumber() {
    return byNumber.keySet().stream().mapToInt(Integer::intValue).max().orElseThrow();
  }

  /** The known name nearest to {@code name}, for messages. */
  public Optional<String> nearest(String name) {
    return Nearest.to(name, byName.keySet());
  }

  private static List<Syscall> parse(List<String> lines) {
    List<Syscall> syscalls = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.split(" ", -1);
      List<Syscall.Parameter> parameters = new ArrayList<>();
      for (int i = 2; i < words.length; i++) {
        boolean narrow = words[i].endsWith(":32");
        String name = narrow ? words[i].substring(0, words[i].length() - 3) : words[i];
        parameters.add(new Syscall.Parameter(name, narrow));
      }
      syscalls.add(new Syscall(Integer.parseInt(words[0]), words[1], parameters));
    }
    return syscalls;
  }

  private static final class Shipped {
    static final SyscallTable TABLE = new SyscallTable(parse(DataFile.lines(FILE)));
  }
}
