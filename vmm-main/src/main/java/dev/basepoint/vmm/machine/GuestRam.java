package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.vmm.kvm.KvmVm;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The guest's RAM: one memfd, mapped once, shown to the guest as one or two regions around the gap
 * for devices.
 */
public final class GuestRam implements AutoCloseable {
  /**
   * Smaller holes of a template are mapped like its data: each piece costs a system call, and a
   * hole so mapped costs the template a page where a guest looks into it.
   */
  private static final long HOLE_BYTES_MIN = 256 * 1024;

  /** The kernel allows a process some 65,000 mappings; this leaves nearly all of them. */
  private static final int PIECES_MAX = 512;

  /** Null if the RAM is a reservation or a copy of somebody else's. */
  private final Fd memfd;

  private final Mapping mapping;
  private final List<MemoryRegion> regions;
  private final GuestMemory memory;

  private GuestRam(Fd memfd, Mapping mapping) {
    this.memfd = memfd;
    this.mapping = mapping;
    this.regions = regions(mapping.segment());
    this.memory = new GuestMemory(regions);
  }

  /**
   * Makes RAM of zero bytes.
   *
   * @param name shown in /proc/PID/maps
   */
  public static GuestRam zeroed(String name, long sizeBytes) throws ErrnoException {
    Fd memfd = MemFd.create("ram-" + name, sizeBytes);
    try {
      return new GuestRam(memfd, Mapping.shared(memfd, 0, sizeBytes, true));
    } catch (ErrnoException e) {
      memfd.close();
      throw e;
    }
  }

  /**
   * Reserves address space for RAM whose content comes later: a VM that has registered it can wait
   * in a pool, and its RAM costs nothing until {@link #mapCopyOf}.
   */
  public static GuestRam reserved(long sizeBytes) throws ErrnoException {
    return new GuestRam(null, Mapping.reserve(sizeBytes));
  }

  /**
   * Gives reserved RAM the content of a template, copy-on-write: what the guest writes stays in
   * this process. Where the template has holes the RAM is private zeros, so that a clone which
   * looks there does not make its template grow.
   *
   * @param template sealed against writing, as large as this RAM
   */
  public void mapCopyOf(Fd template) throws IOException {
    MemFd.requireSeals(template, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK);
    long sizeBytes = mapping.segment().byteSize();
    long templateBytes = MemFd.sizeBytes(template);
    if (templateBytes != sizeBytes) {
      throw new IOException(
          "the saved machine has %d bytes of RAM, this one has %d"
              .formatted(templateBytes, sizeBytes));
    }
    mapping.replaceWithZeros(0, sizeBytes);
    long holeBytesMin = HOLE_BYTES_MIN;
    List<Extent> extents = Extent.dataOf(template, sizeBytes, holeBytesMin);
    while (extents.size() > PIECES_MAX) {
      holeBytesMin *= 2;
      extents = Extent.dataOf(template, sizeBytes, holeBytesMin);
    }
    for (Extent extent : extents) {
      mapping.replaceWithPrivateCopy(template, extent.offset(), extent.sizeBytes());
    }
  }

  /**
   * Writes every page that is not zero to {@code target}, at its place; the vCPUs and the devices
   * stand still.
   *
   * @param target a memfd as large as this RAM, still empty
   * @return the bytes written
   */
  public long saveTo(Fd target) throws IOException {
    long sizeBytes = mapping.segment().byteSize();
    long targetBytes = MemFd.sizeBytes(target);
    if (targetBytes != sizeBytes) {
      throw new IOException(
          "the file for the RAM has %d bytes, the RAM has %d".formatted(targetBytes, sizeBytes));
    }
    List<Extent> extents =
        memfd == null
            ? List.of(new Extent(0, sizeBytes))
            : Extent.dataOf(memfd, sizeBytes, Extent.PAGE_BYTES);
    RamWriter writer = new RamWriter(mapping.segment(), target);
    for (Extent extent : extents) {
      writer.write(extent);
    }
    return writer.bytesWritten();
  }

  private static List<MemoryRegion> regions(MemorySegment ram) {
    long lowBytes = Math.min(ram.byteSize(), GuestLayout.LOW_RAM_END_MAX);
    List<MemoryRegion> regions = new ArrayList<>();
    regions.add(new MemoryRegion(0, lowBytes, ram.asSlice(0, lowBytes)));
    if (lowBytes < ram.byteSize()) {
      MemorySegment high = ram.asSlice(lowBytes);
      regions.add(new MemoryRegion(GuestLayout.HIGH_RAM_GPA, high.byteSize(), high));
    }
    return List.copyOf(regions);
  }

  /** Shows the RAM to the guest; the first thing to do with a new VM. */
  public void register(KvmVm vm) throws ErrnoException {
    for (int slot = 0; slot < regions.size(); slot++) {
      vm.setUserMemoryRegion(slot, regions.get(slot).baseGpa(), regions.get(slot).memory());
    }
  }

  /** The RAM by guest-physical address. */
  public GuestMemory memory() {
    return memory;
  }

  /** The regions, ascending. */
  public List<MemoryRegion> regions() {
    return regions;
  }

  /** Unmaps the RAM; only after the VM has been closed. */
  @Override
  public void close() {
    mapping.close();
    if (memfd != null) {
      memfd.close();
    }
  }
}
