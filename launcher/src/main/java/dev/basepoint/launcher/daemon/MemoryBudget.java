package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Keeps the VMs' memory within bounds: a configured budget for all of them together, and what the
 * host has left at the moment.
 */
final class MemoryBudget {
  private static final int MIB_SHIFT = 20;

  /**
   * How long the host's answer counts, less what was set aside since: to ask is to read a text of
   * the kernel's, for which a fork should not wait.
   */
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final long limitBytes;
  private final LongSupplier availableBytes;
  private long reservedBytes;
  private long hostBytes;
  private long askedNanos;

  /**
   * @param limitBytes for all VMs together
   * @param availableBytes what the host has left, whenever asked
   */
  MemoryBudget(long limitBytes, LongSupplier availableBytes) {
    this.limitBytes = limitBytes;
    this.availableBytes = availableBytes;
  }

  /**
   * Sets memory aside.
   *
   * @param purpose what for, for the message
   * @throws CommandException if there is not as much
   */
  synchronized void reserve(long bytes, String purpose) throws CommandException {
    if (bytes > limitBytes - reservedBytes) {
      throw new CommandException(
          ExitCode.LIMIT_REACHED,
          String.format(
              "%s needs %d MiB, and %d of the daemon's %d MiB are taken; stop a VM, or serve with a"
                  + " larger --memory",
              purpose, mib(bytes), mib(reservedBytes), mib(limitBytes)));
    }
    long available = availableFor(bytes);
    if (bytes > available) {
      throw new CommandException(
          ExitCode.LIMIT_REACHED,
          String.format(
              "%s needs %d MiB, and the host has %d MiB left; stop something, or give the VM less"
                  + " memory",
              purpose, mib(bytes), mib(available)));
    }
    reservedBytes += bytes;
    hostBytes -= bytes;
  }

  private long availableFor(long bytes) {
    long now = System.nanoTime();
    if (bytes > hostBytes || now - askedNanos > ANSWER_NANOS) {
      hostBytes = availableBytes.getAsLong();
      askedNanos = now;
    }
    return hostBytes;
  }

  /** Gives back what was set aside. */
  synchronized void release(long bytes) {
    reservedBytes -= bytes;
  }

  /** Memory that is set aside at the moment. */
  synchronized long reservedBytes() {
    return reservedBytes;
  }

  /** Memory that may be set aside. */
  long limitBytes() {
    return limitBytes;
  }

  private static long mib(long bytes) {
    return (bytes + (1 << MIB_SHIFT) - 1) >> MIB_SHIFT;
  }
}
