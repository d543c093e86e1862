package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.held;

import dev.basepoint.tests.escape.Attempt.Stage;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Reaching for the network and for other programs' sockets. */
final class Sockets {
  private static final int SUPERVISION_FD = 3;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_RAW = 3;
  private static final int FAMILY_MAX = 45;

  /** Families of which the strict sandbox is tried too; AF_ names of linux/socket.h. */
  private static final Map<String, Integer> NAMED =
      new TreeMap<>(Map.of("unix", 1, "inet", 2, "netlink", 16, "packet", 17));

  private Sockets() {}

  static List<Attempt> attempts() {
    List<Attempt> attempts = new ArrayList<>();
    NAMED.forEach(
        (name, family) -> attempts.add(held("socket-" + name, "socket", family, type(family), 0)));
    for (int family = 1; family <= FAMILY_MAX; family++) {
      if (!NAMED.containsValue(family)) {
        attempts.add(
            held("socket-family-" + family, "socket", family, type(family), 0)
                .in(Stage.PERMISSIVE));
      }
    }
    attempts.addAll(
        List.of(
            held("connect", "connect", SUPERVISION_FD, abstractName(), 16),
            held(
                    "java-socket",
                    Set.of("socket", "openat", "newfstatat", "stat", "readlink"),
                    _ -> {
                      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), 22)) {
                        return socket.getPort();
                      }
                    })
                .in(Stage.STRICT),
            held("socket-pair", "socketpair", 1, SOCK_STREAM, 0, Grip.memory(8))
                .in(Stage.PERMISSIVE),
            held("bind", "bind", SUPERVISION_FD, abstractName(), 16).in(Stage.PERMISSIVE),
            held("listen", "listen", SUPERVISION_FD, 1).in(Stage.PERMISSIVE),
            held("accept", "accept4", SUPERVISION_FD, 0, 0, 0).in(Stage.PERMISSIVE),
            held("send-to", "sendto", SUPERVISION_FD, Grip.memory(8), 1, 0, abstractName(), 16)
                .in(Stage.PERMISSIVE),
            held("socket-option", "setsockopt", SUPERVISION_FD, 1, 16, Grip.words(1), 4)
                .in(Stage.PERMISSIVE),
            held("socket-peer", "getsockopt", SUPERVISION_FD, 1, 77, Grip.memory(8), Grip.words(4))
                .in(Stage.PERMISSIVE)));
    return attempts;
  }

  private static int type(int family) {
    return family == NAMED.get("packet") ? SOCK_RAW : SOCK_STREAM;
  }

  /** The start of a {@code struct sockaddr_un} that names an abstract socket. */
  private static MemorySegment abstractName() {
    return Grip.words('a' << 24 | 1);
  }
}
