package dev.basepoint.ipc.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.vhostuser.VhostUserAttack;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The real process of a role behind a vhost-user socket, attacked, and what it must survive. */
public final class VhostUserVictim implements AutoCloseable {
  /** More than a warm JVM's metaspace and code cache still grow by. */
  private static final long GROWTH_BYTES_MAX = 48L << 20;

  private final TestServer server;
  private final String socket;

  /** Starts the role's process and lets it listen in {@code directory}. */
  public VhostUserVictim(String mainClass, Path directory, TestServer.Configuration configuration)
      throws IOException {
    server = TestServer.spawn(mainClass);
    server.hello();
    socket = directory.resolve("victim").toString();
    try (Fd listener = UnixSocket.listen(socket)) {
      server.call(new SupervisionRequest.ConfigureVhostUser(configuration.with(listener), true));
    }
  }

  /** The path that it listens at. */
  public String socket() {
    return socket;
  }

  /** A part of the attack. */
  @FunctionalInterface
  public interface Assault {
    void on(VhostUserAttack attack) throws IOException;
  }

  /**
   * Runs {@code assault} once to warm up and once in earnest: the same process must be there
   * afterwards, with the same descriptors and no more memory.
   */
  public void survives(long seed, Assault warmUp, Assault assault) throws IOException {
    try (VhostUserAttack attack = new VhostUserAttack(socket, seed)) {
      warmUp.on(attack);
      int descriptorsBefore = descriptors();
      long bytesBefore = residentBytes();
      assault.on(attack);
      assertEquals(null, server.process().pollExit(), "the server has ended; seed " + seed);
      long grown = residentBytes() - bytesBefore;
      assertTrue(grown < GROWTH_BYTES_MAX, "grown by " + grown + " bytes; seed " + seed);
      assertTrue(
          descriptors() <= descriptorsBefore + 8,
          descriptorsBefore + " descriptors, then " + descriptors() + "; seed " + seed);
    }
  }

  private int descriptors() throws IOException {
    try (Stream<Path> entries = Files.list(process("fd"))) {
      return (int) entries.count();
    }
  }

  private long residentBytes() throws IOException {
    List<String> lines = Files.readAllLines(process("statm"));
    return Long.parseLong(lines.getFirst().split(" ", -1)[1]) * 4096;
  }

  private Path process(String name) {
    return Path.of("/proc", String.valueOf(server.process().pid()), name);
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
