package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where vhost-user front ends are met; the launcher makes the socket, a jailed process serves it.
 */
public final class FrontEndSocket implements AutoCloseable {
  /** What the socket is. */
  private enum Kind {
    LISTENING,
    CONNECTING,
    CONNECTED
  }

  private final Kind kind;
  private final Path path;
  private final String label;
  private Fd fd;

  private FrontEndSocket(Kind kind, Path path, String label, Fd fd) {
    this.kind = kind;
    this.path = path;
    this.label = label;
    this.fd = fd;
  }

  /**
   * Listens at {@code path}. A socket that nobody listens on any more is replaced.
   *
   * @throws IOException if somebody does, or something else is there
   */
  public static FrontEndSocket listen(Path path) throws IOException {
    String name = path.toString();
    Fd listener;
    try {
      listener = UnixSocket.listen(name);
    } catch (ErrnoException e) {
      if (e.errno() != EADDRINUSE || !isAbandoned(path)) {
        throw e.errno() == EADDRINUSE
            ? new IOException(path + " exists and is in use or is no socket; name another path", e)
            : e;
      }
      Files.delete(path);
      listener = UnixSocket.listen(name);
    }
    return new FrontEndSocket(Kind.LISTENING, path, name, listener);
  }

  private static final int EADDRINUSE = 98;

  private static boolean isAbandoned(Path path) throws IOException {
    if (Files.isRegularFile(path) || Files.isDirectory(path)) {
      return false;
    }
    try (Fd _ = UnixSocket.connect(path.toString())) {
      return false;
    } catch (ErrnoException e) {
      return e.errno() == Errno.ECONNREFUSED;
    }
  }

  /** Connects to a front end that listens at {@code path}, again whenever it has hung up. */
  public static FrontEndSocket connect(Path path) {
    return new FrontEndSocket(Kind.CONNECTING, path, path.toString(), null);
  }

  /**
   * Takes over a descriptor that this process was started with.
   *
   * @throws IOException if it is no socket
   */
  public static FrontEndSocket inherited(int number) throws IOException {
    Fd fd = Fd.own(number);
    try {
      boolean listening = UnixSocket.isListening(fd);
      fd.setCloseOnExec(true);
      return new FrontEndSocket(
          listening ? Kind.LISTENING : Kind.CONNECTED, null, "descriptor " + number, fd);
    } catch (ErrnoException e) {
      throw new IOException(
          "descriptor " + number + " is no socket that this program was started with", e);
    }
  }

  /** How messages name it. */
  String label() {
    return label;
  }

  /** Whether a process accepts its front ends from the socket itself. */
  boolean isListening() {
    return kind == Kind.LISTENING;
  }

  /** Whether there can be another front end after one has left. */
  boolean hasMore() {
    return kind != Kind.CONNECTED;
  }

  /**
   * The socket to hand to a process, owned here.
   *
   * @return empty if nobody listens there now
   */
  Optional<Fd> next() throws IOException {
    if (kind != Kind.CONNECTING) {
      return Optional.of(fd);
    }
    if (fd != null) {
      fd.close();
      fd = null;
    }
    try {
      fd = UnixSocket.connect(label);
      return Optional.of(fd);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT || e.errno() == Errno.ECONNREFUSED) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Closes the socket; removes its path if it was made here. */
  @Override
  public void close() throws IOException {
    if (fd != null) {
      fd.close();
    }
    if (kind == Kind.LISTENING && path != null) {
      Files.deleteIfExists(path);
    }
  }
}
