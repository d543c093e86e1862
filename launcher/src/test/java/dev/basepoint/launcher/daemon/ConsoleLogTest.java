package dev.basepoint.launcher.daemon;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What readers of a guest's output see, and what they miss. */
final class ConsoleLogTest {
  private static final int WAIT_MILLIS = 60_000;

  private final ConsoleLog log = new ConsoleLog();

  private void write(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    log.write(bytes, bytes.length);
  }

  private static String text(ConsoleLog.Chunk chunk) {
    return new String(chunk.bytes(), StandardCharsets.UTF_8);
  }

  @Test
  void everyReaderHasItsOwnPlace() throws Exception {
    write("one ");
    write("two");
    assertEquals("one two", text(log.read(0, 100, 0)));
    assertEquals("two", text(log.read(4, 100, 0)));
    assertEquals("on", text(log.read(0, 2, 0)));
    assertEquals("", text(log.read(7, 100, 0)));
    assertEquals("", text(log.read(1000, 100, 0)));
  }

  @Test
  void slowReaderMissesTheOldestAndIsTold() throws Exception {
    byte[] all = new byte[ConsoleLog.BYTES_MAX + 12_345];
    for (int i = 0; i < all.length; i++) {
      all[i] = (byte) (i * 31 + i / 251);
    }
    for (int at = 0; at < all.length; at += 1000) {
      byte[] piece = Arrays.copyOfRange(all, at, Math.min(all.length, at + 1000));
      log.write(piece, piece.length);
    }
    ConsoleLog.Chunk chunk = log.read(0, all.length, 0);
    assertEquals(12_345, chunk.position());
    assertArrayEquals(Arrays.copyOfRange(all, 12_345, all.length), chunk.bytes());
    assertEquals(all.length, log.total());
  }

  @Test
  void readerWaitsForOutputAndForTheEnd() throws Exception {
    write("a");
    CompletableFuture<ConsoleLog.Chunk> reader = reading(1);
    write("b");
    assertEquals("b", text(reader.get(WAIT_MILLIS, TimeUnit.MILLISECONDS)));
    assertFalse(reader.join().ended());
    reader = reading(2);
    log.end();
    assertTrue(reader.get(WAIT_MILLIS, TimeUnit.MILLISECONDS).ended());
    assertFalse(log.read(0, 1, 0).ended(), "there is more to read");
  }

  private CompletableFuture<ConsoleLog.Chunk> reading(long position) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return log.read(position, 100, WAIT_MILLIS);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
  }
}
