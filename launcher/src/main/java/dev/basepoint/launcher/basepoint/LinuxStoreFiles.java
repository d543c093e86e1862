package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Rename;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** The changes of a store, carried out. */
final class LinuxStoreFiles implements StoreFiles {
  private static final int OWNER_READ_WRITE = 0600;

  @Override
  public void createDirectory(Path directory) throws IOException {
    Files.createDirectory(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
  }

  @Override
  public Fd create(Path file) throws IOException {
    return OpenFile.open(
        file.toString(), OpenFile.O_RDWR | OpenFile.O_CREAT | OpenFile.O_EXCL, OWNER_READ_WRITE);
  }

  @Override
  public void write(Fd file, MemorySegment data, long offset) throws IOException {
    long done = 0;
    while (done < data.byteSize()) {
      done +=
          ErrnoException.check(
              Syscalls.pwrite(file.number(), data.asSlice(done), offset + done), "write");
    }
  }

  @Override
  public void resize(Fd file, long sizeBytes) throws IOException {
    MemFd.resize(file, sizeBytes);
  }

  @Override
  public void sync(Path path) throws IOException {
    try (Fd fd = OpenFile.open(path.toString(), OpenFile.O_RDONLY)) {
      ErrnoException.check(Syscalls.fsync(fd.number()), "fsync " + path);
    }
  }

  @Override
  public void rename(Path from, Path to) throws IOException {
    Rename.withoutReplacing(from.toString(), to.toString());
  }

  @Override
  public void exchange(Path one, Path other) throws IOException {
    Rename.exchange(one.toString(), other.toString());
  }

  @Override
  public void delete(Path path) throws IOException {
    Files.deleteIfExists(path);
  }
}
