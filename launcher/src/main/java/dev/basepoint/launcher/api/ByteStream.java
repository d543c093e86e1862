package dev.basepoint.launcher.api;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeoutException;

/** A connected socket whose every operation has a deadline, a {@link System#nanoTime()} value. */
public interface ByteStream extends AutoCloseable {
  /**
   * Reads some bytes.
   *
   * @return how many, or -1 at the end
   * @throws TimeoutException if none came in time
   */
  int read(ByteBuffer target, long deadlineNanos) throws IOException, TimeoutException;

  /**
   * Writes all of {@code source}.
   *
   * @throws TimeoutException if the peer did not take them in time
   */
  void write(ByteBuffer source, long deadlineNanos) throws IOException, TimeoutException;

  @Override
  void close();
}
