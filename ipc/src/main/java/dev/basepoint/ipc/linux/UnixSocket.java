package dev.basepoint.ipc.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * One end of a connected AF_UNIX stream socket that carries bytes and descriptors (SCM_RIGHTS).
 * Non-blocking; one thread may send while another receives.
 *
 * <pre>
 *   struct msghdr                                        struct cmsghdr
 *   0       8        16      24       32       40    48    0     8      12    16
 *   +-------+--------+-------+--------+--------+-----+    +-----+------+-----+--------
 *   | name  | namelen| iov   | iovlen | control| len |flg | len | level| type| fds...
 *   +-------+--------+-------+--------+--------+-----+    +-----+------+-----+--------
 * </pre>
 */
public final class UnixSocket implements AutoCloseable {
  /** The most descriptors one message may carry; the kernel's SCM_MAX_FD. */
  public static final int SCM_MAX_FD = 253;

  private static final int SYS_SOCKET = 41;
  private static final int SYS_BIND = 49;
  private static final int SYS_LISTEN = 50;
  private static final int SYS_GETSOCKOPT = 55;
  private static final int SYS_ACCEPT4 = 288;
  private static final int SO_ACCEPTCONN = 30;
  private static final int BACKLOG = 16;
  private static final int SUN_PATH_BYTES = 108;
  private static final int AF_UNIX = 1;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final int SOCK_CLOEXEC = 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CTRUNC = 0x8;
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final int SHUT_RDWR = 2;

  private static final long MSG_IOV = 16;
  private static final long MSG_IOVLEN = 24;
  private static final long MSG_CONTROL = 32;
  private static final long MSG_CONTROLLEN = 40;
  private static final long MSG_FLAGS = 48;
  private static final long MSGHDR_BYTES = 56;
  private static final long CMSG_LEVEL = 8;
  private static final long CMSG_TYPE = 12;
  private static final long CMSG_DATA = 16;

  private final Fd fd;
  private final Direction sending = new Direction();
  private final Direction receiving = new Direction();

  private UnixSocket(Fd fd) {
    this.fd = fd;
  }

  /** Header, iovec and control buffer of one direction, made once. */
  private static final class Direction {
    final MemorySegment header = Arena.ofAuto().allocate(MSGHDR_BYTES, 8);
    final MemorySegment iovec = Arena.ofAuto().allocate(16, 8);
    final MemorySegment control = Arena.ofAuto().allocate(CMSG_DATA + SCM_MAX_FD * 4L + 4, 8);

    void prepare(MemorySegment data, long offset, long byteCount, long controlBytes) {
      java.util.Objects.checkFromIndexSize(offset, byteCount, data.byteSize());
      iovec.set(ValueLayout.JAVA_LONG, 0, data.address() + offset);
      iovec.set(ValueLayout.JAVA_LONG, 8, byteCount);
      header.fill((byte) 0);
      header.set(ValueLayout.JAVA_LONG, MSG_IOV, iovec.address());
      header.set(ValueLayout.JAVA_LONG, MSG_IOVLEN, 1);
      header.set(ValueLayout.JAVA_LONG, MSG_CONTROL, controlBytes == 0 ? 0 : control.address());
      header.set(ValueLayout.JAVA_LONG, MSG_CONTROLLEN, controlBytes);
    }
  }

  /** Takes over a connected socket, for example one inherited from the parent. */
  public static UnixSocket own(Fd fd) throws ErrnoException {
    fd.setNonBlocking(true);
    return new UnixSocket(fd);
  }

  /** Makes a connected pair. */
  public static UnixSocket[] pair() throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pair = arena.allocate(8, 8);
      ErrnoException.check(
          Libc.syscall(
              Syscalls.SYS_SOCKETPAIR,
              AF_UNIX,
              SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
              0,
              pair.address(),
              0,
              0),
          "socketpair");
      return new UnixSocket[] {
        new UnixSocket(Fd.own(pair.get(ValueLayout.JAVA_INT, 0))),
        new UnixSocket(Fd.own(pair.get(ValueLayout.JAVA_INT, 4)))
      };
    }
  }

  /**
   * Connects to the stream socket at {@code path}; the connection blocks like any socket that is
   * not made otherwise.
   *
   * @throws ErrnoException ENOENT if there is no socket, ECONNREFUSED if nobody listens
   */
  public static Fd connect(String path) throws ErrnoException {
    return withAddress(Syscalls.SYS_CONNECT, "connect ", path);
  }

  /**
   * Makes a listening stream socket at {@code path}.
   *
   * @throws ErrnoException EADDRINUSE if the path exists
   */
  public static Fd listen(String path) throws ErrnoException {
    Fd socket = withAddress(SYS_BIND, "bind ", path);
    long result = Libc.syscall(SYS_LISTEN, socket.number(), BACKLOG, 0);
    if (result < 0) {
      socket.close();
      throw new ErrnoException("listen " + path, (int) -result);
    }
    return socket;
  }

  /**
   * Whether a socket accepts connections, rather than being one.
   *
   * @throws ErrnoException ENOTSOCK if it is none
   */
  public static boolean isListening(Fd socket) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment answer = arena.allocate(8, 8);
      answer.set(ValueLayout.JAVA_INT, 4, Integer.BYTES);
      ErrnoException.check(
          Libc.syscall(
              SYS_GETSOCKOPT,
              socket.number(),
              SOL_SOCKET,
              SO_ACCEPTCONN,
              answer.address(),
              answer.address() + 4,
              0),
          "getsockopt " + socket);
      return answer.get(ValueLayout.JAVA_INT, 0) != 0;
    }
  }

  /**
   * Takes the next connection of a listening socket.
   *
   * @return the connection, or null if none came before the deadline
   */
  public static Fd accept(Fd listener, long deadlineNanos) throws ErrnoException {
    if (!Poll.await(listener, Poll.POLLIN, deadlineNanos)) {
      return null;
    }
    return Fd.own(
        (int)
            ErrnoException.check(
                Libc.syscall(SYS_ACCEPT4, listener.number(), 0, 0, SOCK_CLOEXEC, 0, 0), "accept4"));
  }

  private static Fd withAddress(long syscall, String operation, String path) throws ErrnoException {
    byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
    if (bytes.length >= SUN_PATH_BYTES) {
      throw new ErrnoException("socket path " + path + " is longer than 107 bytes", Errno.EINVAL);
    }
    Fd socket =
        Fd.own(
            (int)
                ErrnoException.check(
                    Libc.syscall(SYS_SOCKET, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(2 + SUN_PATH_BYTES, 8);
      address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
      MemorySegment.copy(bytes, 0, address, ValueLayout.JAVA_BYTE, 2, bytes.length);
      ErrnoException.check(
          Libc.syscall(syscall, socket.number(), address.address(), address.byteSize()),
          operation + path);
      return socket;
    } catch (ErrnoException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * sendmsg(2) of a part of {@code data}; {@code fds} travel with its first byte and stay owned by
   * the caller.
   *
   * @return bytes taken by the kernel (descriptors then all are), or {@code -errno}
   */
  public long send(MemorySegment data, long offset, long byteCount, List<Fd> fds) {
    synchronized (sending) {
      int count = fds.size();
      if (count > SCM_MAX_FD) {
        throw new IllegalArgumentException(count + " descriptors in one message");
      }
      long cmsgLength = CMSG_DATA + count * 4L;
      sending.prepare(data, offset, byteCount, count == 0 ? 0 : (cmsgLength + 7) & ~7L);
      if (count > 0) {
        sending.control.set(ValueLayout.JAVA_LONG, 0, cmsgLength);
        sending.control.set(ValueLayout.JAVA_INT, CMSG_LEVEL, SOL_SOCKET);
        sending.control.set(ValueLayout.JAVA_INT, CMSG_TYPE, SCM_RIGHTS);
        for (int i = 0; i < count; i++) {
          sending.control.set(ValueLayout.JAVA_INT, CMSG_DATA + i * 4L, fds.get(i).number());
        }
      }
      return Libc.syscall(
          Syscalls.SYS_SENDMSG, fd.number(), sending.header.address(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  }

  /**
   * recvmsg(2) into a part of {@code data}. Received descriptors are close-on-exec, are appended to
   * {@code fds} and belong to the caller.
   *
   * @return bytes received, 0 at the end of the stream, or {@code -errno}; {@code -E2BIG} if the
   *     peer sent more descriptors than fit, which are then closed
   */
  public long receive(MemorySegment data, long offset, long byteCount, List<Fd> fds) {
    synchronized (receiving) {
      receiving.prepare(data, offset, byteCount, receiving.control.byteSize());
      long received =
          Libc.syscall(
              Syscalls.SYS_RECVMSG,
              fd.number(),
              receiving.header.address(),
              MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
      if (received < 0) {
        return received;
      }
      int before = fds.size();
      collectDescriptors(fds);
      if ((receiving.header.get(ValueLayout.JAVA_INT, MSG_FLAGS) & MSG_CTRUNC) != 0) {
        while (fds.size() > before) {
          fds.removeLast().close();
        }
        return -Errno.E2BIG;
      }
      return received;
    }
  }

  private void collectDescriptors(List<Fd> fds) {
    long controlBytes = receiving.header.get(ValueLayout.JAVA_LONG, MSG_CONTROLLEN);
    long at = 0;
    while (at + CMSG_DATA <= controlBytes) {
      long length = receiving.control.get(ValueLayout.JAVA_LONG, at);
      if (length < CMSG_DATA || length > controlBytes - at) {
        return;
      }
      if (receiving.control.get(ValueLayout.JAVA_INT, at + CMSG_LEVEL) == SOL_SOCKET
          && receiving.control.get(ValueLayout.JAVA_INT, at + CMSG_TYPE) == SCM_RIGHTS) {
        for (long fdAt = at + CMSG_DATA; fdAt + 4 <= at + length; fdAt += 4) {
          fds.add(Fd.own(receiving.control.get(ValueLayout.JAVA_INT, fdAt)));
        }
      }
      at += (length + 7) & ~7L;
    }
  }

  /** Ends the connection for both sides; the descriptor stays open. */
  public void shutdown() {
    if (fd.isOpen()) {
      Libc.syscall(Syscalls.SYS_SHUTDOWN, fd.number(), SHUT_RDWR, 0);
    }
  }

  /** The socket's descriptor. */
  public Fd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
