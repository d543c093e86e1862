package dev.basepoint.launcher.cli;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import dev.basepoint.launcher.output.RawTerminal;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * Passes what is typed on to a guest, on a thread and a connection of its own, until the escape
 * key. Standard input's end ends only the typing.
 */
final class ConsoleKeys implements AutoCloseable {
  /** Ctrl-]. */
  private static final byte ESCAPE = 0x1d;

  /** How long the escape key may take to be noticed while the guest is silent. */
  private static final int WAIT_MILLIS = 500;

  /** Younger than what the daemon takes for idle. */
  private static final long CONNECTION_NANOS_MAX = TimeUnit.SECONDS.toNanos(30);

  private static final Duration TYPING_PATIENCE = Duration.ofSeconds(10);

  /** Makes connections. */
  @FunctionalInterface
  interface Connector {
    ApiClient connect() throws CommandException;
  }

  private final String vm;
  private final Connector connector;
  private final RawTerminal raw;
  private volatile boolean detached;
  private ApiClient client;
  private long lastUsedNanos;

  private ConsoleKeys(String vm, Connector connector, RawTerminal raw) {
    this.vm = vm;
    this.connector = connector;
    this.raw = raw;
  }

  /** Begins to pass keys on; a terminal is in raw mode until closed. */
  static ConsoleKeys open(String vm, Connector connector) {
    RawTerminal raw = null;
    try {
      raw = RawTerminal.enter(Fd.own(0));
    } catch (IOException e) {
      // No terminal: bytes are passed on as they come.
    }
    ConsoleKeys keys = new ConsoleKeys(vm, connector, raw);
    Thread.ofPlatform().name("console-keys").daemon().start(keys::relay);
    return keys;
  }

  boolean fromTerminal() {
    return raw != null;
  }

  /** Whether the escape key was pressed. */
  boolean detached() {
    return detached;
  }

  /** How long the other side may wait before it looks at {@link #detached} again. */
  int waitMillis() {
    return WAIT_MILLIS;
  }

  private void relay() {
    byte[] typed = new byte[1024];
    // Never closed: the terminal's mode is restored through the same descriptor.
    InputStream keys = System.in;
    try {
      for (int count = keys.read(typed); count > 0; count = keys.read(typed)) {
        int escape = indexOfEscape(typed, count);
        type(Arrays.copyOf(typed, escape < 0 ? count : escape));
        if (escape >= 0) {
          detached = true;
          return;
        }
      }
    } catch (IOException e) {
      // The terminal has gone; the process is told by its own means.
      return;
    } catch (CommandException e) {
      // The VM has ended or the daemon is lost: whoever reads the output hears of it.
      return;
    } finally {
      if (client != null) {
        client.close();
      }
    }
  }

  private static int indexOfEscape(byte[] typed, int count) {
    for (int i = 0; i < count; i++) {
      if (typed[i] == ESCAPE) {
        return i;
      }
    }
    return -1;
  }

  private void type(byte[] bytes) throws CommandException {
    byte[] left = bytes;
    while (left.length > 0) {
      if (client == null || System.nanoTime() - lastUsedNanos > CONNECTION_NANOS_MAX) {
        if (client != null) {
          client.close();
        }
        client = connector.connect();
      }
      Object written =
          client.facts(new ApiRequest.WriteConsole(vm, left), TYPING_PATIENCE).get("written");
      lastUsedNanos = System.nanoTime();
      int taken = written instanceof Long count ? Math.clamp(count, 0, left.length) : left.length;
      left = Arrays.copyOfRange(left, taken, left.length);
    }
  }

  @Override
  public void close() {
    if (raw != null) {
      raw.close();
    }
  }
}
