package dev.basepoint.vmm.boot;

import static dev.basepoint.vmm.boot.ElfHeader.EHDR_BYTES;
import static dev.basepoint.vmm.boot.ElfHeader.EI_CLASS;
import static dev.basepoint.vmm.boot.ElfHeader.EI_DATA;
import static dev.basepoint.vmm.boot.ElfHeader.ELFCLASS64;
import static dev.basepoint.vmm.boot.ElfHeader.ELFDATA2LSB;
import static dev.basepoint.vmm.boot.ElfHeader.ELF_MAGIC;
import static dev.basepoint.vmm.boot.ElfHeader.EM_X86_64;
import static dev.basepoint.vmm.boot.ElfHeader.E_IDENT;
import static dev.basepoint.vmm.boot.ElfHeader.E_MACHINE;
import static dev.basepoint.vmm.boot.ElfHeader.E_PHENTSIZE;
import static dev.basepoint.vmm.boot.ElfHeader.E_PHNUM;
import static dev.basepoint.vmm.boot.ElfHeader.E_PHOFF;
import static dev.basepoint.vmm.boot.ElfHeader.NHDR_BYTES;
import static dev.basepoint.vmm.boot.ElfHeader.N_DESCSZ;
import static dev.basepoint.vmm.boot.ElfHeader.N_NAMESZ;
import static dev.basepoint.vmm.boot.ElfHeader.N_TYPE;
import static dev.basepoint.vmm.boot.ElfHeader.PHDR_BYTES;
import static dev.basepoint.vmm.boot.ElfHeader.PT_LOAD;
import static dev.basepoint.vmm.boot.ElfHeader.PT_NOTE;
import static dev.basepoint.vmm.boot.ElfHeader.P_ALIGN;
import static dev.basepoint.vmm.boot.ElfHeader.P_FILESZ;
import static dev.basepoint.vmm.boot.ElfHeader.P_MEMSZ;
import static dev.basepoint.vmm.boot.ElfHeader.P_OFFSET;
import static dev.basepoint.vmm.boot.ElfHeader.P_PADDR;
import static dev.basepoint.vmm.boot.ElfHeader.P_TYPE;
import static dev.basepoint.vmm.boot.ElfHeader.XEN_ELFNOTE_PHYS32_ENTRY;

import dev.basepoint.ipc.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Loads a 64-bit ELF kernel that has a PVH entry point. The file is tenant input: no header is
 * believed before it has been checked against the file's size and the guest's RAM.
 */
final class ElfKernel {
  /** A kernel has a handful; the format allows 65535. */
  private static final int PROGRAM_HEADERS_MAX = 64;

  private static final long NOTE_BYTES_MAX = 64 * 1024;
  private static final byte[] XEN = "Xen\0".getBytes(StandardCharsets.US_ASCII);

  private final BootFile file;
  private final GuestMemory memory;
  private final ReservedRanges reserved;
  private long entryGpa = -1;
  private boolean entryIsLoaded;
  private int loadedSegments;

  private ElfKernel(BootFile file, GuestMemory memory, ReservedRanges reserved) {
    this.file = file;
    this.memory = memory;
    this.reserved = reserved;
  }

  /**
   * Loads {@code file} into memory whose untouched bytes are zero.
   *
   * @return the entry point's guest-physical address
   * @throws BootException if the file is no such kernel or does not fit
   */
  static long load(BootFile file, GuestMemory memory, ReservedRanges reserved) throws IOException {
    return new ElfKernel(file, memory, reserved).load();
  }

  private long load() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment headers = readProgramHeaders(arena);
      int count = (int) (headers.byteSize() / PHDR_BYTES);
      for (int i = 0; i < count; i++) {
        MemorySegment header = headers.asSlice(i * PHDR_BYTES, PHDR_BYTES);
        if (header.get(ValueLayout.JAVA_INT, P_TYPE) == PT_NOTE) {
          readNotes(arena, i, header);
        }
      }
      if (entryGpa < 0) {
        throw new BootException(
            "the kernel has no PVH entry point (note XEN_ELFNOTE_PHYS32_ENTRY); for Linux use an"
                + " uncompressed vmlinux built with CONFIG_PVH");
      }
      for (int i = 0; i < count; i++) {
        MemorySegment header = headers.asSlice(i * PHDR_BYTES, PHDR_BYTES);
        if (header.get(ValueLayout.JAVA_INT, P_TYPE) == PT_LOAD) {
          loadSegment(i, header);
        }
      }
    }
    if (loadedSegments == 0) {
      throw new BootException("the kernel has no segment to load");
    }
    if (!entryIsLoaded) {
      throw new BootException(
          "the kernel's PVH entry point 0x%x is in none of its segments".formatted(entryGpa));
    }
    return entryGpa;
  }

  private MemorySegment readProgramHeaders(Arena arena) throws IOException {
    if (!file.holds(0, EHDR_BYTES)) {
      throw new BootException("the kernel is too short for an ELF file");
    }
    MemorySegment header = arena.allocate(EHDR_BYTES, 8);
    file.read(0, header);
    if (header.get(ValueLayout.JAVA_INT, E_IDENT) != ELF_MAGIC) {
      throw new BootException("the kernel is not an ELF file; for Linux use vmlinux, not bzImage");
    }
    if (header.get(ValueLayout.JAVA_BYTE, EI_CLASS) != ELFCLASS64
        || header.get(ValueLayout.JAVA_BYTE, EI_DATA) != ELFDATA2LSB
        || header.get(ValueLayout.JAVA_SHORT, E_MACHINE) != EM_X86_64) {
      throw new BootException("the kernel is not a 64-bit x86 ELF file");
    }
    int entryBytes = Short.toUnsignedInt(header.get(ValueLayout.JAVA_SHORT, E_PHENTSIZE));
    int count = Short.toUnsignedInt(header.get(ValueLayout.JAVA_SHORT, E_PHNUM));
    long offset = header.get(ValueLayout.JAVA_LONG, E_PHOFF);
    if (entryBytes != PHDR_BYTES || count == 0 || count > PROGRAM_HEADERS_MAX) {
      throw new BootException(
          "the kernel has %d program headers of %d bytes; 1 to %d of %d are supported"
              .formatted(count, entryBytes, PROGRAM_HEADERS_MAX, PHDR_BYTES));
    }
    if (!file.holds(offset, count * PHDR_BYTES)) {
      throw new BootException("the kernel's program headers are outside the file");
    }
    MemorySegment headers = arena.allocate(count * PHDR_BYTES, 8);
    file.read(offset, headers);
    return headers;
  }

  private void loadSegment(int index, MemorySegment header) throws IOException {
    long offset = header.get(ValueLayout.JAVA_LONG, P_OFFSET);
    long gpa = header.get(ValueLayout.JAVA_LONG, P_PADDR);
    long fileBytes = header.get(ValueLayout.JAVA_LONG, P_FILESZ);
    long memoryBytes = header.get(ValueLayout.JAVA_LONG, P_MEMSZ);
    String name = "kernel segment " + index;
    if (memoryBytes == 0 && fileBytes == 0) {
      return;
    }
    if (!file.holds(offset, fileBytes)) {
      throw new BootException(name + " is outside the file");
    }
    if (memoryBytes <= 0 || fileBytes > memoryBytes) {
      throw new BootException(name + " has more bytes in the file than in memory");
    }
    int region = memory.regionOf(gpa, memoryBytes);
    if (region < 0) {
      throw new BootException(
          "%s needs %d bytes at GPA 0x%x, outside the guest's RAM; give the VM more memory"
              .formatted(name, memoryBytes, gpa));
    }
    reserved.take(gpa, memoryBytes, name);
    if (fileBytes > 0) {
      file.read(offset, memory.segment(region).asSlice(memory.offset(region, gpa), fileBytes));
    }
    loadedSegments++;
    // The sum cannot overflow: the segment is inside RAM.
    entryIsLoaded |= entryGpa >= gpa && entryGpa < gpa + memoryBytes;
  }

  private void readNotes(Arena arena, int index, MemorySegment header) throws IOException {
    long offset = header.get(ValueLayout.JAVA_LONG, P_OFFSET);
    long sizeBytes = header.get(ValueLayout.JAVA_LONG, P_FILESZ);
    if (sizeBytes < 0 || sizeBytes > NOTE_BYTES_MAX || !file.holds(offset, sizeBytes)) {
      throw new BootException("kernel note segment " + index + " is outside the file or too large");
    }
    if (sizeBytes == 0) {
      return;
    }
    long alignment = header.get(ValueLayout.JAVA_LONG, P_ALIGN) == 8 ? 8 : 4;
    MemorySegment notes = arena.allocate(sizeBytes, 8);
    file.read(offset, notes);
    long at = 0;
    while (at + NHDR_BYTES <= sizeBytes) {
      long nameBytes = u32(notes, at + N_NAMESZ);
      long descBytes = u32(notes, at + N_DESCSZ);
      long nameAt = at + NHDR_BYTES;
      long descAt = alignUp(nameAt + nameBytes, alignment);
      // All terms are below 2^33, so no sum can overflow.
      if (descAt + descBytes > sizeBytes) {
        throw new BootException("a note of the kernel is outside its segment " + index);
      }
      if (u32(notes, at + N_TYPE) == XEN_ELFNOTE_PHYS32_ENTRY
          && nameBytes == XEN.length
          && notes.asSlice(nameAt, nameBytes).mismatch(MemorySegment.ofArray(XEN)) < 0) {
        takeEntry(notes, descAt, descBytes);
      }
      at = alignUp(descAt + descBytes, alignment);
    }
  }

  private void takeEntry(MemorySegment notes, long descAt, long descBytes) throws BootException {
    if (descBytes != Integer.BYTES && descBytes != Long.BYTES) {
      throw new BootException(
          "the kernel's PVH entry note has " + descBytes + " bytes, not 4 or 8");
    }
    long high = descBytes == Long.BYTES ? u32(notes, descAt + Integer.BYTES) : 0;
    if (high != 0) {
      throw new BootException("the kernel's PVH entry point is above 4 GiB");
    }
    entryGpa = u32(notes, descAt);
  }

  private static long u32(MemorySegment segment, long offset) {
    return Integer.toUnsignedLong(segment.get(ValueLayout.JAVA_INT_UNALIGNED, offset));
  }

  private static long alignUp(long value, long alignment) {
    return (value + alignment - 1) & -alignment;
  }
}
