package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import dev.basepoint.launcher.group.Vm;
import java.io.IOException;
import java.time.Duration;

/**
 * What a paused VM has saved of itself.
 *
 * @param ram its RAM, a memfd
 * @param state everything else, a memfd
 * @param ramBytes how much of the RAM is not zero
 */
record SavedMemory(Fd ram, Fd state, long ramBytes) implements AutoCloseable {
  /** Requests in flight have this long to end; RAM is written at more than 100 MiB a second. */
  private static final Duration SETTLING = Duration.ofSeconds(30);

  private static final long BYTES_PER_SECOND = 100L << 20;

  /**
   * Saves a VM, which must be paused and stays so.
   *
   * @throws TemplateException if a device of it cannot be captured
   */
  static SavedMemory of(Vm vm) throws IOException {
    String name = vm.manifest().name();
    long memoryBytes = vm.manifest().memoryBytes();
    Fd ram = MemFd.create(name + "-ram", memoryBytes);
    Fd state = null;
    boolean complete = false;
    try {
      state = MemFd.create(name + "-state", 0);
      Duration timeout = SETTLING.plusSeconds(memoryBytes / BYTES_PER_SECOND);
      if (!(vm.call(new SupervisionRequest.SaveVm(ram, state), timeout)
          instanceof SupervisionReply.Saved(long ramBytes, long _))) {
        throw new IOException("vmm-main of " + name + " answered something else than Saved");
      }
      complete = true;
      return new SavedMemory(ram, state, ramBytes);
    } catch (RequestFailedException e) {
      throw new TemplateException(
          Reason.NOT_CAPTURABLE, "VM " + name + " cannot be captured: " + e.getMessage(), e);
    } finally {
      if (!complete) {
        ram.close();
        if (state != null) {
          state.close();
        }
      }
    }
  }

  @Override
  public void close() {
    ram.close();
    state.close();
  }
}
