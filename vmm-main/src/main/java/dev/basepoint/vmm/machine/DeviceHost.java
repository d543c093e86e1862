package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.memory.GuestMemory;

/** What a device may ask of the machine it is plugged into. */
public interface DeviceHost {
  /** Guest RAM. */
  GuestMemory memory();

  /**
   * Claims a range of guest-physical addresses outside RAM. Only before the machine runs.
   *
   * @throws IllegalArgumentException if the range overlaps RAM or another device
   */
  void addMmioDevice(long baseGpa, long sizeBytes, MmioDevice device);

  /**
   * Makes an interrupt line that ends at pin {@code gsi} of the IOAPIC; owned by the machine.
   *
   * @param gsi 0 to 23
   */
  InterruptLine interruptLine(int gsi) throws ErrnoException;

  /**
   * Lets the kernel signal {@code eventFd} instead of exiting when the guest stores {@code
   * datamatch} with {@code bytes} bytes at {@code gpa}. Safe at any time, from any thread.
   */
  void addIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd) throws ErrnoException;

  /** Undoes {@link #addIoeventfd} with the same arguments. */
  void removeIoeventfd(long gpa, int bytes, long datamatch, EventFd eventFd) throws ErrnoException;
}
