package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;

/**
 * The host's side of a guest's serial port: two pipes, so that vmm-main never holds the terminal. A
 * reader that is slow slows the guest down; nothing is lost.
 */
public final class GuestConsole implements AutoCloseable {
  private static final int BUFFER_BYTES = 16 * 1024;
  private static final Duration FOREVER = Duration.ofDays(365);
  private static final Duration END_TIMEOUT = Duration.ofSeconds(2);

  /** Takes console output, in order; may block, and then the guest waits. */
  @FunctionalInterface
  public interface Sink {
    void write(byte[] bytes, int count) throws IOException;
  }

  private final Fd output;
  private final Fd guestOutput;
  private final Fd input;
  private final Fd guestInput;
  private final Object inputLock = new Object();
  private final GuestReport report = new GuestReport();
  private volatile Sink sink = (_, _) -> {};
  private Thread reader;

  private GuestConsole(Fd output, Fd guestOutput, Fd input, Fd guestInput) {
    this.output = output;
    this.guestOutput = guestOutput;
    this.input = input;
    this.guestInput = guestInput;
  }

  /** Makes a console; with {@code interactive} it has an input too. */
  public static GuestConsole create(boolean interactive) throws IOException {
    Pipe out = Pipe.create();
    if (!interactive) {
      return new GuestConsole(out.readEnd(), out.writeEnd(), null, null);
    }
    Pipe in = Pipe.create();
    in.writeEnd().setNonBlocking(true);
    return new GuestConsole(out.readEnd(), out.writeEnd(), in.writeEnd(), in.readEnd());
  }

  /** vmm-main's end of the output. */
  public Fd guestOutput() {
    return guestOutput;
  }

  /** vmm-main's end of the input, or null. */
  public Fd guestInput() {
    return guestInput;
  }

  /** Closes the launcher's copies of vmm-main's ends, once vmm-main has been given them. */
  public void releaseGuestEnds() {
    guestOutput.close();
    if (guestInput != null) {
      guestInput.close();
    }
  }

  /** Passes output on to {@code target} until the guest's end is closed. */
  public void relayOutput(Sink target) {
    sink = target;
    prepareOutput();
  }

  /** Does ahead of {@link #relayOutput} what takes time; the guest is silent so far. */
  public void prepareOutput() {
    if (reader == null) {
      reader = Thread.ofPlatform().name("console-output").daemon().start(this::relay);
    }
  }

  private void relay() {
    byte[] bytes = new byte[BUFFER_BYTES];
    MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES);
    boolean sinkWorks = true;
    while (true) {
      long count = Syscalls.read(output.number(), buffer);
      if (count == -Errno.EINTR) {
        continue;
      }
      if (count <= 0) {
        return;
      }
      MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, bytes, 0, (int) count);
      report.add(bytes, (int) count);
      if (sinkWorks) {
        try {
          sink.write(bytes, (int) count);
        } catch (IOException e) {
          // A reader that has gone away must not stop the guest.
          sinkWorks = false;
        }
      }
    }
  }

  /** Passes {@code source}, the user's keys, on to the guest until it ends. */
  public void relayInput(InputStream source) {
    Thread.ofPlatform()
        .name("console-input")
        .daemon()
        .start(
            () -> {
              byte[] bytes = new byte[1024];
              try {
                for (int n = source.read(bytes); n > 0; n = source.read(bytes)) {
                  if (write(bytes, n, FOREVER) < n) {
                    return;
                  }
                }
              } catch (IOException | IllegalStateException e) {
                // The terminal or the run has ended; so does this thread.
                return;
              }
            });
  }

  /**
   * Types for the guest; needs a console with an input.
   *
   * @return how many of the first {@code count} bytes the guest's side took within {@code patience}
   * @throws IOException if nobody reads any more
   */
  public int write(byte[] bytes, int count, Duration patience) throws IOException {
    long deadlineNanos = System.nanoTime() + patience.toNanos();
    int written = 0;
    synchronized (inputLock) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(Math.max(1, count));
        MemorySegment.copy(bytes, 0, buffer, ValueLayout.JAVA_BYTE, 0, count);
        while (written < count) {
          long result = Syscalls.write(input.number(), buffer, written, count - written);
          if (result == -Errno.EAGAIN) {
            if (!Poll.await(input, Poll.POLLOUT, deadlineNanos)) {
              return written;
            }
          } else if (result != -Errno.EINTR) {
            written += (int) ErrnoException.check(result, "write to the guest's serial port");
          }
        }
      }
    }
    return written;
  }

  /** What the guest reported so far. */
  public GuestReport report() {
    return report;
  }

  private void awaitEnd() {
    try {
      reader.join(END_TIMEOUT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    end();
  }

  /** Passes on what is left once vmm-main has ended, and lets go of the pipes. Idempotent. */
  public void end() {
    guestOutput.close();
    if (reader != null) {
      awaitEnd();
    }
    output.close();
    if (input != null) {
      guestInput.close();
      synchronized (inputLock) {
        input.close();
      }
    }
  }
}
