package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** Sees to it that a state directory has one daemon. The kernel releases it with the process. */
final class DaemonLock implements AutoCloseable {
  private final FileChannel file;

  private DaemonLock(FileChannel file) {
    this.file = file;
  }

  /**
   * Takes the lock, and leaves the daemon's pid in the file for people.
   *
   * @throws CommandException if another daemon has it
   */
  static DaemonLock take(DaemonPaths paths) throws IOException, CommandException {
    FileChannel file =
        FileChannel.open(
            paths.lock(),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    if (!lock(file)) {
      String holder = content(file);
      file.close();
      throw new CommandException(
          ExitCode.DAEMON_RUNS,
          "a daemon"
              + (holder.isEmpty() ? "" : " with pid " + holder)
              + " serves "
              + paths.state().path()
              + " already; use it, stop it, or choose another --state");
    }
    file.truncate(0);
    byte[] pid = Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII);
    file.write(ByteBuffer.wrap(pid), 0);
    return new DaemonLock(file);
  }

  private static boolean lock(FileChannel file) throws IOException {
    try {
      return file.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      // A daemon within this very process.
      return false;
    }
  }

  private static String content(FileChannel file) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(16);
    file.read(bytes, 0);
    String text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
    return text.matches("[0-9]+") ? text : "";
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
