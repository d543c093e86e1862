package dev.basepoint.tests.escape;

import dev.basepoint.ipc.linux.RawSyscall;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * A thread in a role's process that waits until the process serves its VM, and then tries what it
 * is told. It shares all that the process has: address space, descriptors, sandbox.
 *
 * <p>A child in its sandbox hears nobody but its launcher and its peer, so the order comes as a
 * line appended to the process's own jar, which it has open like every JVM: the launcher's pid,
 * then names of attempts. What happens goes to standard output, which the launcher shows when the
 * process ends.
 */
public final class Intruder {
  /** Instead of an attempt's name: goes on as if nothing were, instead of ending the process. */
  public static final String LIE_LOW = "lie-low";

  private static final long POLL_NANOS = 2_000_000;
  private static final int ORDER_BYTES_MAX = 1 << 14;
  private static final int EXIT_STILL_ALIVE = 99;

  private Intruder() {}

  /** Called by the role's main method before anything else. */
  public static void start() {
    Path jar = Path.of(System.getProperty("java.class.path"));
    Victim victim =
        Victim.valueOf(
            jar.getFileName()
                .toString()
                .replaceFirst("\\..*", "")
                .replace('-', '_')
                .toUpperCase(java.util.Locale.ROOT));
    try {
      // Before the sandbox closes, as the role itself opens and loads what it needs.
      RandomAccessFile orders = new RandomAccessFile(jar.toFile(), "r");
      long begin = orders.length();
      Map<String, Attempt> attempts = Attempts.byName();
      new Grip(victim, 0).call("sched_yield");
      Thread.ofPlatform()
          .name("intruder")
          .daemon()
          .start(() -> obey(orders, begin, victim, attempts));
    } catch (IOException e) {
      throw new IllegalStateException(jar + " cannot be read", e);
    }
  }

  private static void obey(
      RandomAccessFile orders, long begin, Victim victim, Map<String, Attempt> attempts) {
    try {
      String[] order = await(orders, begin);
      Grip grip = new Grip(victim, Long.parseLong(order[0]));
      for (int i = 1; i < order.length; i++) {
        String name = order[i];
        if (name.equals(LIE_LOW)) {
          return;
        }
        say(victim, name, "tries");
        say(victim, name, result(attempts.get(name), grip));
      }
    } catch (IOException e) {
      say(victim, "order", "lost: " + e);
    }
    RawSyscall.call(231, EXIT_STILL_ALIVE);
  }

  private static String[] await(RandomAccessFile orders, long begin) throws IOException {
    byte[] line = new byte[ORDER_BYTES_MAX];
    while (true) {
      orders.seek(begin);
      int count = orders.read(line);
      if (count > 0 && line[count - 1] == '\n') {
        return new String(line, 0, count, StandardCharsets.UTF_8).strip().split(" ", -1);
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  private static String result(Attempt attempt, Grip grip) {
    try {
      return "returned " + attempt.action().perform(grip);
    } catch (Exception | Error e) {
      return "threw " + e;
    }
  }

  /** Tells the suite how far an exhaustion has come; it may not get to say more. */
  static void progress(Victim victim, String name, long units) {
    say(victim, name, "reached " + units);
  }

  private static void say(Victim victim, String name, String what) {
    System.out.println("@intruder " + victim.key() + " " + name + " " + what);
  }
}
