package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.group.GuestConsole;
import dev.basepoint.launcher.manifest.ConsoleTarget;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;

/** Where a guest's output goes in the daemon: its log, and the file that the manifest names. */
final class ConsoleOutput implements GuestConsole.Sink, AutoCloseable {
  private final ConsoleLog log;
  private OutputStream file;

  private ConsoleOutput(ConsoleLog log, OutputStream file) {
    this.log = log;
    this.file = file;
  }

  /** For {@code vm}, which closes it at its end. */
  static GuestConsole.Sink of(DaemonVm vm) throws IOException {
    if (vm.manifest().console() instanceof ConsoleTarget.LogFile target) {
      OutputStream file =
          Files.newOutputStream(
              target.path(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      ConsoleOutput output = new ConsoleOutput(vm.console(), file);
      vm.closeAtEnd(output);
      return output;
    }
    return vm.console();
  }

  @Override
  public synchronized void write(byte[] bytes, int count) {
    log.write(bytes, count);
    if (file != null) {
      try {
        file.write(bytes, 0, count);
      } catch (IOException e) {
        // A full disk must not stop the guest, nor what the daemon itself keeps.
        close();
      }
    }
  }

  @Override
  public synchronized void close() {
    try {
      if (file != null) {
        file.close();
      }
    } catch (IOException e) {
      // What could not be written before cannot be now.
    }
    file = null;
  }
}
