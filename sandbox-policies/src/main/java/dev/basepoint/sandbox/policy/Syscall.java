package dev.basepoint.sandbox.policy;

import java.util.List;

/** One x86-64 system call: its number, its name and the kernel's names for its parameters. */
public record Syscall(int number, String name, List<Parameter> parameters) {
  /**
   * A parameter.
   *
   * @param name the kernel's name for it
   * @param narrow whether the kernel reads its low 32 bits only, so that the others may hold
   *     anything
   */
  public record Parameter(String name, boolean narrow) {}

  public Syscall {
    parameters = List.copyOf(parameters);
  }
}
