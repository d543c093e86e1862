package dev.basepoint.tests.escape;

import static dev.basepoint.tests.escape.Attempt.bounded;
import static dev.basepoint.tests.escape.Attempt.exhausted;

import dev.basepoint.ipc.linux.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/** Taking more than one's share of the host. */
final class Exhaustion {
  private static final int EFD_CLOEXEC_NONBLOCK = 0x8_0800;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final long GIB = 1L << 30;
  private static final long CHUNK_BYTES = 8L << 20;
  private static final int THREADS_TRIED = 1000;
  private static final long STACK_BYTES = 256 << 10;

  private Exhaustion() {}

  static List<Attempt> attempts() {
    return List.of(
        bounded(
            "descriptors",
            victim -> victim == Victim.VMM_MAIN ? 256 : 64,
            "descriptors",
            Exhaustion::descriptors),
        bounded("address-space", _ -> 6, "GiB", Exhaustion::addressSpace),
        exhausted(
            "threads",
            _ -> 64,
            "threads",
            Set.of("prlimit64", "openat", "sysinfo"),
            Exhaustion::threads),
        exhausted("memory", Exhaustion::memoryMib, "MiB", Set.of(), Exhaustion::memory));
  }

  /** The most that a process can have touched, by its policy's {@code cgroup memory.max}. */
  private static long memoryMib(Victim victim) {
    return switch (victim) {
      case VMM_MAIN -> 2 * 64 + 3 * 320 + 256;
      case BLK -> 192;
      case NET -> 160;
      case RNG -> 128;
    };
  }

  private static long descriptors(Grip grip) {
    List<Long> made = new ArrayList<>();
    while (true) {
      long fd = grip.call("eventfd2", 0, EFD_CLOEXEC_NONBLOCK);
      if (fd < 0) {
        made.forEach(one -> grip.call("close", one));
        return fd == -Errno.EMFILE ? made.size() : fd;
      }
      made.add(fd);
    }
  }

  private static long addressSpace(Grip grip) {
    List<Long> made = new ArrayList<>();
    while (true) {
      long address =
          grip.call("mmap", 0, GIB, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
      if (address < 0) {
        made.forEach(one -> grip.call("munmap", one, GIB));
        return address == -Errno.ENOMEM ? made.size() : address;
      }
      made.add(address);
    }
  }

  private static long threads(Grip grip) throws InterruptedException {
    List<Thread> made = new ArrayList<>();
    CountDownLatch end = new CountDownLatch(1);
    try {
      while (made.size() < THREADS_TRIED) {
        Thread thread = new Thread(null, () -> awaitQuietly(end), "more", STACK_BYTES);
        thread.start();
        made.add(thread);
        Intruder.progress(grip.victim(), "threads", made.size());
      }
      return -1;
    } catch (OutOfMemoryError limit) {
      return made.size();
    } finally {
      end.countDown();
      for (Thread thread : made) {
        thread.join();
      }
    }
  }

  private static void awaitQuietly(CountDownLatch end) {
    try {
      end.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Fills fresh memory from a file that the JVM holds, until somebody says no. */
  private static long memory(Grip grip) {
    int file = grip.readOnlyFd();
    for (long mib = 0; ; mib += CHUNK_BYTES >> 20) {
      Intruder.progress(grip.victim(), "memory", mib);
      long address =
          grip.call(
              "mmap", 0, CHUNK_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
      if (address < 0) {
        return address == -Errno.ENOMEM ? mib : address;
      }
      for (long filled = 0; filled < CHUNK_BYTES; ) {
        long count = grip.call("pread64", file, address + filled, CHUNK_BYTES - filled, 0);
        if (count <= 0) {
          return count;
        }
        filled += count;
      }
    }
  }
}
