package dev.basepoint.sandbox.jail;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.RawSyscall;
import dev.basepoint.ipc.linux.SandboxOrder;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The process in the jail, for tests. Receives its order on descriptor 3, applies it, hands the
 * listener back, and then does what each received line says, answering with one line.
 */
public final class JailedMain {
  private static final int MESSAGE_BYTES_MAX = 65536;
  private static final String UNFILTERED = "unfiltered ";

  private final UnixSocket socket;
  private final MemorySegment buffer = Arena.global().allocate(MESSAGE_BYTES_MAX);

  private JailedMain(UnixSocket socket) {
    this.socket = socket;
  }

  public static void main(String[] arguments) throws Exception {
    JailedMain main = new JailedMain(UnixSocket.own(Fd.own(3)));
    main.answer(String.join(",", sortedNames(new File("/"))), List.of());
    byte[] order = main.receive();
    while (new String(order, UTF_8).startsWith(UNFILTERED)) {
      main.answer(main.perform(new String(order, UTF_8).substring(UNFILTERED.length())), List.of());
      order = main.receive();
    }
    if (order.length == 0) {
      return;
    }
    Optional<Fd> listener = SandboxOrder.ofBytes(order).apply();
    main.answer("sandboxed", List.of(listener.orElseThrow()));
    listener.get().close();
    while (true) {
      byte[] message = main.receive();
      if (message.length == 0) {
        return;
      }
      main.answer(main.perform(new String(message, UTF_8)), List.of());
    }
  }

  private static String[] sortedNames(File folder) {
    String[] names = folder.list();
    if (names == null) {
      return new String[] {"unreadable"};
    }
    Arrays.sort(names);
    return names;
  }

  private String perform(String command) throws Exception {
    String[] words = command.split(" ", -1);
    return switch (words[0]) {
      case "syscall" -> {
        long[] arguments = Arrays.stream(words).skip(2).mapToLong(Long::decode).toArray();
        yield Long.toString(RawSyscall.call(Long.parseLong(words[1]), arguments));
      }
      case "open" -> {
        try (Arena arena = Arena.ofConfined()) {
          long path = arena.allocateFrom(words[1]).address();
          yield Long.toString(RawSyscall.call(257, -100, path, 0, 0));
        }
      }
      case "work" -> JvmWorkload.run();
      default -> "unknown command";
    };
  }

  private byte[] receive() throws Exception {
    List<Fd> fds = new ArrayList<>();
    Poll.await(socket.fd(), Poll.POLLIN, System.nanoTime() + TimeUnit.SECONDS.toNanos(60));
    long count = socket.receive(buffer, 0, MESSAGE_BYTES_MAX, fds);
    return count <= 0 ? new byte[0] : buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
  }

  private void answer(String text, List<Fd> fds) {
    byte[] bytes = text.getBytes(UTF_8);
    MemorySegment.copy(bytes, 0, buffer, ValueLayout.JAVA_BYTE, 0, bytes.length);
    socket.send(buffer, 0, bytes.length, fds);
  }
}
