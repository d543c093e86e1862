package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * The far end of a filter that holds calls (seccomp_unotify(2)): learns of each, and may let it go
 * on. Not thread-safe. Its descriptor is readable while a call is held.
 *
 * <pre>
 *   struct seccomp_notif
 *   0     8     12      16   20     24       32                80 bytes
 *   +-----+-----+-------+----+------+--------+--- ... ---------+
 *   | id  | pid | flags | nr | arch | ip     | args[0..5]      |
 *   +-----+-----+-------+----+------+--------+--- ... ---------+
 * </pre>
 */
public final class SeccompListener implements AutoCloseable {
  private static final long SECCOMP_IOCTL_NOTIF_RECV = 0xc050_2100L;
  private static final long SECCOMP_IOCTL_NOTIF_SEND = 0xc018_2101L;
  private static final int SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;
  private static final int NOTIF_BYTES = 80;
  private static final int RESPONSE_BYTES = 24;

  private final Fd fd;
  private final MemorySegment notification = Arena.ofAuto().allocate(NOTIF_BYTES, 8);
  private final MemorySegment response = Arena.ofAuto().allocate(RESPONSE_BYTES, 8);

  /** Takes ownership of the descriptor that {@link Seccomp#install} returned. */
  public SeccompListener(Fd fd) {
    this.fd = fd;
  }

  /**
   * A held call.
   *
   * @param id the kernel's handle for it
   * @param tid the calling thread, in the listener's pid namespace
   */
  public record HeldCall(long id, int tid, int number, int arch, long[] arguments) {}

  /**
   * Takes the next held call, waiting for one if there is none; empty if its thread is gone
   * already.
   */
  public Optional<HeldCall> receive() throws ErrnoException {
    notification.fill((byte) 0);
    long result = Syscalls.ioctl(fd.number(), SECCOMP_IOCTL_NOTIF_RECV, notification);
    if (result == -Errno.ENOENT || result == -Errno.EINTR) {
      return Optional.empty();
    }
    ErrnoException.check(result, "ioctl SECCOMP_IOCTL_NOTIF_RECV");
    long[] arguments = new long[6];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = notification.get(ValueLayout.JAVA_LONG, 32 + i * 8L);
    }
    return Optional.of(
        new HeldCall(
            notification.get(ValueLayout.JAVA_LONG, 0),
            notification.get(ValueLayout.JAVA_INT, 8),
            notification.get(ValueLayout.JAVA_INT, 16),
            notification.get(ValueLayout.JAVA_INT, 20),
            arguments));
  }

  /** Lets a held call be carried out as if there were no filter. For diagnosing only. */
  public void letContinue(HeldCall call) throws ErrnoException {
    respond(call, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  }

  /** Fails a held call with {@code errno}; it is not carried out. */
  public void refuse(HeldCall call, int errno) throws ErrnoException {
    respond(call, -errno, 0);
  }

  private void respond(HeldCall call, int error, int flags) throws ErrnoException {
    // struct seccomp_notif_resp: id, val, error, flags
    response.fill((byte) 0);
    response.set(ValueLayout.JAVA_LONG, 0, call.id());
    response.set(ValueLayout.JAVA_INT, 16, error);
    response.set(ValueLayout.JAVA_INT, 20, flags);
    long result = Syscalls.ioctl(fd.number(), SECCOMP_IOCTL_NOTIF_SEND, response);
    if (result != -Errno.ENOENT) {
      ErrnoException.check(result, "ioctl SECCOMP_IOCTL_NOTIF_SEND");
    }
  }

  /** For event loops: readable while a call is held, hung up when nobody is bound any more. */
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
