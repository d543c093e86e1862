package dev.basepoint.sandbox.jail;

import dev.basepoint.sandbox.policy.Confinement.UidRange;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Host uids of which each is given to one process at a time. A lease is a lock on one byte of a
 * file, so that several launchers agree and a dead one holds none.
 */
final class UidPool implements AutoCloseable {
  private final FileChannel file;

  UidPool(Path lockFile) throws IOException {
    // One channel per process: closing any channel of a file drops all the process's locks on it.
    file = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
  }

  /** A uid in use until closed. */
  record Lease(int uid, FileLock lock) implements AutoCloseable {
    @Override
    public void close() throws IOException {
      lock.release();
    }
  }

  /** Takes the first free uid of {@code range}. */
  Lease take(UidRange range) throws IOException {
    for (int uid = range.first(); uid <= range.last(); uid++) {
      try {
        FileLock lock = file.tryLock(uid, 1, false);
        if (lock != null) {
          return new Lease(uid, lock);
        }
      } catch (OverlappingFileLockException taken) {
        // Held by this launcher; try the next.
      }
    }
    throw new JailException(
        "uid of its own", "every uid from " + range.first() + " to " + range.last() + " is in use");
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
