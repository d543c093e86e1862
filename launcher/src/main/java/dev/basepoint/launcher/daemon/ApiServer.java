package dev.basepoint.launcher.daemon;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.launcher.api.ApiChannel;
import dev.basepoint.launcher.api.ApiProtocol;
import dev.basepoint.launcher.cli.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import jnr.unixsocket.Credentials;
import jnr.unixsocket.UnixServerSocketChannel;
import jnr.unixsocket.UnixSocketAddress;
import jnr.unixsocket.UnixSocketChannel;
import jnr.unixsocket.UnixSocketOptions;

/** Listens on the API's socket, learns from the kernel who connects, and serves who may be. */
final class ApiServer implements AutoCloseable {
  static final int CLIENTS_MAX = 64;

  private static final int BACKLOG = 64;
  private static final int STACK_BYTES = 512 * 1024;

  /** How long to leave the listener alone when the process has no descriptor left. */
  private static final long BREATHER_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final Path socket;
  private final int uid;
  private final Dispatcher dispatcher;
  private final DaemonLog log;
  private final UnixServerSocketChannel listener;
  private final Fd listenerFd;
  private final EventLoop loop;
  private final Thread acceptor;
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();

  private ApiServer(
      Path socket,
      int uid,
      Dispatcher dispatcher,
      DaemonLog log,
      UnixServerSocketChannel listener,
      Fd listenerFd)
      throws IOException {
    this.socket = socket;
    this.uid = uid;
    this.dispatcher = dispatcher;
    this.log = log;
    this.listener = listener;
    this.listenerFd = listenerFd;
    this.loop = new EventLoop();
    this.acceptor = Thread.ofPlatform().name("api-accept").daemon().unstarted(this::acceptAll);
  }

  /**
   * Listens.
   *
   * @param socket where; nobody else may create files in its directory. What is there is removed,
   *     so the caller must know that nobody listens there
   * @param uid the daemon's
   */
  static ApiServer open(Path socket, int uid, Dispatcher dispatcher, DaemonLog log)
      throws IOException {
    Files.deleteIfExists(socket);
    UnixServerSocketChannel listener = UnixServerSocketChannel.open();
    Fd listenerFd = null;
    try {
      listener.configureBlocking(false);
      listener.socket().bind(new UnixSocketAddress(socket.toFile()), BACKLOG);
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
      listenerFd = duplicate(listener.getFD());
      ApiServer server = new ApiServer(socket, uid, dispatcher, log, listener, listenerFd);
      server.acceptor.start();
      return server;
    } catch (IOException e) {
      if (listenerFd != null) {
        listenerFd.close();
      }
      listener.close();
      throw e;
    }
  }

  /** A descriptor of our own for a socket that the library owns. */
  private static Fd duplicate(int number) throws IOException {
    Fd borrowed = Fd.own(number);
    try {
      return borrowed.duplicate();
    } finally {
      borrowed.release();
    }
  }

  private void acceptAll() {
    try {
      loop.watch(listenerFd, Epoll.EPOLLIN, _ -> accept());
      loop.run();
    } catch (IOException e) {
      log.log("api-lost", Facts.of("reason", String.valueOf(e.getMessage())));
    }
  }

  private void accept() {
    UnixSocketChannel accepted = null;
    try {
      accepted = listener.accept();
      if (accepted == null) {
        LockSupport.parkNanos(BREATHER_NANOS);
        return;
      }
      Credentials credentials = accepted.getOption(UnixSocketOptions.SO_PEERCRED);
      Peer peer = new Peer(credentials.getPid(), credentials.getUid());
      welcome(peer, new UnixStream(accepted));
    } catch (IOException | OutOfMemoryError e) {
      // Gone before it was served, or no thread is left to serve it.
      log.log("client-lost", Facts.of("reason", String.valueOf(e.getMessage())));
      UnixStream.close(accepted);
    }
  }

  private void welcome(Peer peer, UnixStream stream) {
    if (!peer.mayUse(uid)) {
      refuse(
          peer,
          stream,
          ExitCode.PERMISSION_DENIED,
          "this daemon serves user " + uid + " and root, not user " + peer.uid());
    } else if (connections.size() >= CLIENTS_MAX) {
      refuse(
          peer,
          stream,
          ExitCode.LIMIT_REACHED,
          "the daemon serves " + CLIENTS_MAX + " clients already; try again later");
    } else {
      Connection connection = new Connection(peer, stream, dispatcher, log);
      Thread server =
          Thread.ofPlatform()
              .name("api-" + peer.pid())
              .daemon()
              .stackSize(STACK_BYTES)
              .unstarted(
                  () -> {
                    try {
                      connection.run();
                    } finally {
                      connections.remove(connection);
                    }
                  });
      connections.add(connection);
      boolean started = false;
      try {
        server.start();
        started = true;
      } finally {
        if (!started) {
          connections.remove(connection);
        }
      }
    }
  }

  private void refuse(Peer peer, UnixStream stream, ExitCode code, String reason) {
    log.log("client-refused", Facts.of("pid", peer.pid(), "uid", peer.uid(), "reason", reason));
    // An empty socket buffer takes so short a message at once.
    try (ApiChannel channel = new ApiChannel(stream, ApiProtocol.REQUEST_BYTES_MAX)) {
      Connection.refuse(channel, code, reason);
    }
  }

  /** Ends all connections and removes the socket. */
  @Override
  public void close() {
    loop.stop();
    try {
      acceptor.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    loop.close();
    connections.forEach(Connection::shutdown);
    listenerFd.close();
    try {
      listener.close();
      Files.deleteIfExists(socket);
    } catch (IOException e) {
      log.log("socket-left", Facts.of("reason", String.valueOf(e.getMessage())));
    }
  }
}
