package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Where a guest reads who it is. The page is also the buffer of the ACPI VM generation id device,
 * and its interrupt that device's notification. A port tells where the page is.
 *
 * <pre>
 *   0                16             24            28                32         96              2144
 *   +----------------+--------------+-------------+-----------------+----------+---------------+----
 *   | generation id  | clone number | name length | metadata length | name     | metadata      | 0
 *   | u8[16]         | u64          | u32         | u32             | u8[64]   | u8[2048]      |
 *   +----------------+--------------+-------------+-----------------+----------+---------------+----
 * </pre>
 *
 * All numbers are little-endian. A guest that finds another generation id than before has been
 * cloned or restored meanwhile: whatever it held to be unique or secret is so no longer.
 */
public final class IdentityPage implements PortDevice {
  private static final int PORTS = Integer.BYTES;
  private static final int PAGE_SHIFT = 12;

  static final int GENERATION_ID = 0;
  static final int CLONE_NUMBER = GENERATION_ID + CloneIdentity.GENERATION_ID_BYTES;
  static final int NAME_LENGTH = CLONE_NUMBER + Long.BYTES;
  static final int METADATA_LENGTH = NAME_LENGTH + Integer.BYTES;
  static final int NAME = METADATA_LENGTH + Integer.BYTES;
  static final int METADATA = NAME + CloneIdentity.NAME_BYTES_MAX;

  private final GuestMemory memory;
  private final InterruptLine interrupt;

  private IdentityPage(GuestMemory memory, InterruptLine interrupt) {
    this.memory = memory;
    this.interrupt = interrupt;
  }

  /** Gives a machine that does not run yet its page, with nothing in it so far. */
  public static IdentityPage addTo(Vm vm) throws ErrnoException {
    IdentityPage page = new IdentityPage(vm.memory(), vm.interruptLine(GuestLayout.GENERATION_GSI));
    vm.addPortDevice(GuestLayout.IDENTITY_PORT, PORTS, page);
    return page;
  }

  /** Writes who the guest is; while it does not run. */
  public void write(CloneIdentity identity) {
    byte[] name = identity.name().getBytes(StandardCharsets.UTF_8);
    byte[] metadata = identity.metadata();
    ByteBuffer page =
        ByteBuffer.allocate(GuestLayout.IDENTITY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    page.put(GENERATION_ID, identity.generationId());
    page.putLong(CLONE_NUMBER, identity.cloneNumber());
    page.putInt(NAME_LENGTH, name.length);
    page.putInt(METADATA_LENGTH, metadata.length);
    page.put(NAME, name);
    page.put(METADATA, metadata);
    memory.copyTo(
        GuestLayout.IDENTITY_GPA,
        MemorySegment.ofArray(page.array()),
        0,
        GuestLayout.IDENTITY_BYTES);
  }

  /** Tells the guest, as soon as it runs, that its generation id has changed. */
  public void notifyGuest() {
    interrupt.raise();
  }

  @Override
  public int read(int offset, int bytes) {
    return offset == 0 && bytes == Integer.BYTES
        ? (int) (GuestLayout.IDENTITY_GPA >> PAGE_SHIFT)
        : PortBus.OPEN_BUS;
  }

  @Override
  public void write(int offset, int bytes, int value) {
    // There is nothing to set.
  }
}
