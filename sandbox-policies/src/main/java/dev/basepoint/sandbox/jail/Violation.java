package dev.basepoint.sandbox.jail;

import dev.basepoint.ipc.linux.SeccompListener.HeldCall;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.Syscall;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.sandbox.report.PolicyExplainer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * A call that a process's policy does not cover.
 *
 * @param role the policy's
 * @param tid the calling thread, as the launcher sees it
 * @param syscall the call's name
 * @param path the file that the call names, if it names one that could be read; it is the process's
 *     own claim, with control characters replaced
 * @param explanation the call with its arguments and what the policy says, with file and line
 */
public record Violation(
    String role, int tid, String syscall, Optional<String> path, String explanation) {
  private static final List<String> PATH_PARAMETERS = List.of("filename", "pathname", "path");
  private static final int PATH_BYTES_MAX = 256;

  static Violation of(Policy policy, HeldCall call) {
    Optional<String> path = path(call);
    return new Violation(
        policy.role(),
        call.tid(),
        SyscallTable.x86_64().nameOf(call.number()),
        path,
        PolicyExplainer.explainCall(policy, call.number(), call.arguments())
            + path.map(text -> " [" + text + "]").orElse(""));
  }

  private static Optional<String> path(HeldCall call) {
    List<Syscall.Parameter> parameters =
        SyscallTable.x86_64().byNumber(call.number()).map(Syscall::parameters).orElse(List.of());
    for (int i = 0; i < parameters.size(); i++) {
      if (PATH_PARAMETERS.contains(parameters.get(i).name())) {
        return text(call.tid(), call.arguments()[i]);
      }
    }
    return Optional.empty();
  }

  private static Optional<String> text(int tid, long address) {
    if (address <= 0) {
      return Optional.empty();
    }
    try (RandomAccessFile memory = new RandomAccessFile("/proc/" + tid + "/mem", "r")) {
      byte[] bytes = new byte[PATH_BYTES_MAX];
      memory.seek(address);
      int count = memory.read(bytes);
      int end = 0;
      while (end < count && bytes[end] != 0) {
        end++;
      }
      String text = new String(bytes, 0, end, StandardCharsets.UTF_8);
      return Optional.of(text.replaceAll("\\p{Cntrl}", "?"));
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }
}
