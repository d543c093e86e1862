package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.Fd;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * What a store changes on disk goes through here, so that a test can let each single change fail.
 */
interface StoreFiles {
  /** Makes a directory that only its owner may enter. */
  void createDirectory(Path directory) throws IOException;

  /** Makes an empty file that only its owner may use, open for reading and writing. */
  Fd create(Path file) throws IOException;

  /** Writes all of {@code data} at {@code offset}. */
  void write(Fd file, MemorySegment data, long offset) throws IOException;

  /** Sets a file's size. */
  void resize(Fd file, long sizeBytes) throws IOException;

  /** Makes a file, or the names in a directory, durable. */
  void sync(Path path) throws IOException;

  /** Gives a directory another name, which must be free. */
  void rename(Path from, Path to) throws IOException;

  /** Lets two directories swap their names at one instant. */
  void exchange(Path one, Path other) throws IOException;

  /** Deletes a file or an empty directory, if it exists. */
  void delete(Path path) throws IOException;
}
