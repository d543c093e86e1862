package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiReply;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.output.Terminal;
import java.io.ByteArrayOutputStream;

/** {@code vmm-launch logs} and {@code vmm-launch console}. */
final class ConsoleCommands {
  private static final int LINES_MAX = 1_000_000;

  /** What a newly attached console shows of the past. */
  private static final int CONSOLE_LINES = 10;

  private static final int WAIT_MILLIS = 20_000;

  private final Terminal terminal;

  ConsoleCommands(CliContext context) {
    this.terminal = context.terminal();
  }

  int logs(Arguments arguments) throws CommandException {
    int lines = OptionValues.count(arguments, DaemonCommands.TAIL, 0, LINES_MAX).orElse(LINES_MAX);
    String vm = vm(arguments);
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      long position = past(client, vm, lines);
      if (arguments.has(DaemonCommands.FOLLOW)) {
        follow(client, vm, position);
      }
    }
    return ExitCode.OK.code();
  }

  int console(Arguments arguments) throws CommandException {
    String vm = vm(arguments);
    try (ApiClient client = DaemonAccess.connect(arguments)) {
      client.facts(new ApiRequest.InspectVm(vm), ApiClient.QUICK);
      try (ConsoleKeys keys = ConsoleKeys.open(vm, () -> DaemonAccess.connect(arguments))) {
        String escape = keys.fromTerminal() ? "Ctrl-] detaches" : "the byte 0x1d detaches";
        note("attached to VM " + vm + "; " + escape);
        long position = past(client, vm, CONSOLE_LINES);
        while (!keys.detached()) {
          ApiReply.Console chunk =
              client.console(new ApiRequest.ReadConsole(vm, position, keys.waitMillis()));
          position = print(chunk, position);
          if (chunk.ended()) {
            note("VM " + vm + " has ended");
            return ExitCode.OK.code();
          }
        }
      }
      note("detached from VM " + vm);
    }
    return ExitCode.OK.code();
  }

  private static String vm(Arguments arguments) throws CommandException {
    return VmCommands.named(arguments, ApiRequest.InspectVm::new).vm();
  }

  /** Prints the last lines of what there is; returns the position behind it. */
  private long past(ApiClient client, String vm, int lines) throws CommandException {
    ByteArrayOutputStream kept = new ByteArrayOutputStream();
    long position = 0;
    while (true) {
      ApiReply.Console chunk = client.console(new ApiRequest.ReadConsole(vm, position, 0));
      if (chunk.output().length == 0) {
        break;
      }
      position = chunk.position() + chunk.output().length;
      kept.writeBytes(chunk.output());
    }
    byte[] bytes = kept.toByteArray();
    int from = lines == 0 ? bytes.length : lastLines(bytes, lines);
    terminal.out().write(bytes, from, bytes.length - from);
    terminal.out().flush();
    return position;
  }

  /** Where the last lines begin; a line that has not ended yet is one. */
  private static int lastLines(byte[] bytes, int lines) {
    int left = lines;
    for (int i = bytes.length - 2; i >= 0; i--) {
      if (bytes[i] == '\n' && --left == 0) {
        return i + 1;
      }
    }
    return 0;
  }

  private void follow(ApiClient client, String vm, long from) throws CommandException {
    long position = from;
    // A reader of our output that has gone away shows as an error of the stream.
    while (!terminal.out().checkError()) {
      ApiReply.Console chunk =
          client.console(new ApiRequest.ReadConsole(vm, position, WAIT_MILLIS));
      position = print(chunk, position);
      if (chunk.ended()) {
        return;
      }
    }
  }

  private long print(ApiReply.Console chunk, long asked) {
    if (chunk.position() > asked) {
      note((chunk.position() - asked) + " bytes of output were too old to keep");
    }
    terminal.out().write(chunk.output(), 0, chunk.output().length);
    terminal.out().flush();
    return chunk.position() + chunk.output().length;
  }

  private void note(String text) {
    terminal.err().println("[" + text + "]");
    terminal.err().flush();
  }
}
