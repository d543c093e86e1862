package dev.basepoint.vmm.boot;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.vmm.boot.acpi.AcpiDevice;
import dev.basepoint.vmm.boot.acpi.AcpiTables;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Puts a kernel, its initrd, its command line and the boot information into fresh guest RAM, by
 * Xen's x86/HVM direct boot ABI ("PVH"): no firmware, no real mode.
 */
public final class PvhLoader {
  private static final long PAGE_BYTES = 4096;

  /**
   * Where the boot vCPU starts.
   *
   * @param startInfoGpa goes into ebx
   */
  public record Entry(long entryGpa, long startInfoGpa) {}

  /** The part of the machine that a guest cannot find out by itself. */
  public record Hardware(int vcpus, List<AcpiDevice> devices) {
    public Hardware {
      devices = List.copyOf(devices);
    }
  }

  private final List<MemoryRegion> ram;
  private final GuestMemory memory;
  private final ReservedRanges reserved = new ReservedRanges();

  /**
   * @param ram all of the guest's RAM, ascending from GPA 0, still zero
   */
  public PvhLoader(List<MemoryRegion> ram, GuestMemory memory) {
    this.ram = ram;
    this.memory = memory;
  }

  /**
   * Loads everything.
   *
   * @param initrd or null
   * @param hardware what the ACPI tables describe
   * @throws BootException if something is malformed or does not fit
   */
  public Entry load(Fd kernel, Fd initrd, String commandLine, Hardware hardware)
      throws IOException {
    reserveBootArea();
    writeCommandLine(commandLine);
    long entryGpa = ElfKernel.load(new BootFile(kernel, "kernel"), memory, reserved);
    long initrdGpa = 0;
    long initrdBytes = 0;
    if (initrd != null) {
      BootFile file = new BootFile(initrd, "initrd");
      initrdBytes = file.sizeBytes();
      initrdGpa = placeInitrd(file);
    }
    writeAcpiTables(hardware);
    HvmStartInfo.write(memory, ram, BootLayout.ACPI_GPA, initrdGpa, initrdBytes);
    return new Entry(entryGpa, BootLayout.START_INFO_GPA);
  }

  private void reserveBootArea() throws BootException {
    reserved.take(
        BootLayout.START_INFO_GPA,
        BootLayout.START_INFO_END_GPA - BootLayout.START_INFO_GPA,
        "the boot information");
    reserved.take(
        BootLayout.COMMAND_LINE_GPA, BootLayout.COMMAND_LINE_BYTES_MAX, "the command line");
    reserved.take(
        BootLayout.LOW_RAM_END_GPA,
        BootLayout.MEBIBYTE_GPA - BootLayout.LOW_RAM_END_GPA,
        "the firmware area");
  }

  private void writeCommandLine(String commandLine) throws BootException {
    if (!commandLine.chars().allMatch(c -> c >= ' ' && c < 0x7f)) {
      throw new BootException("the kernel command line may hold printable ASCII only");
    }
    byte[] text = (commandLine + "\0").getBytes(StandardCharsets.US_ASCII);
    if (text.length > BootLayout.COMMAND_LINE_BYTES_MAX) {
      throw new BootException(
          "the kernel command line, devices included, has %d bytes, at most %d fit"
              .formatted(text.length - 1, BootLayout.COMMAND_LINE_BYTES_MAX - 1));
    }
    memory.copyTo(BootLayout.COMMAND_LINE_GPA, MemorySegment.ofArray(text), 0, text.length);
  }

  private void writeAcpiTables(Hardware hardware) throws BootException {
    byte[] tables = AcpiTables.build(BootLayout.ACPI_GPA, hardware.vcpus(), hardware.devices());
    if (tables.length > BootLayout.MEBIBYTE_GPA - BootLayout.ACPI_GPA) {
      throw new BootException(hardware.devices().size() + " devices do not fit the ACPI tables");
    }
    memory.copyTo(BootLayout.ACPI_GPA, MemorySegment.ofArray(tables), 0, tables.length);
  }

  /** As high as possible below 4 GiB, out of the way of a kernel that unpacks itself upwards. */
  private long placeInitrd(BootFile file) throws IOException {
    MemoryRegion low = ram.getFirst();
    long gpa = (low.baseGpa() + low.sizeBytes() - file.sizeBytes()) & -PAGE_BYTES;
    if (gpa < BootLayout.MEBIBYTE_GPA || !reserved.isFree(gpa, file.sizeBytes())) {
      throw new BootException(
          "the initrd of %d bytes does not fit beside the kernel; give the VM more memory"
              .formatted(file.sizeBytes()));
    }
    reserved.take(gpa, file.sizeBytes(), "the initrd");
    int region = memory.regionOf(gpa, file.sizeBytes());
    file.read(0, memory.segment(region).asSlice(memory.offset(region, gpa), file.sizeBytes()));
    return gpa;
  }
}
