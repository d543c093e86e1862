package dev.basepoint.vmm.boot;

/**
 * Offsets and constants of elf.h for 64-bit files; only those in use.
 *
 * <pre>
 *   Elf64_Ehdr
 *   0        16     18        20        24      32      40      48      52       54          56      58  64
 *   +--------+------+---------+---------+-------+-------+-------+-------+--------+-----------+-------+---+
 *   | e_ident| type | machine | version | entry | phoff | shoff | flags | ehsize | phentsize | phnum |...|
 *   +--------+------+---------+---------+-------+-------+-------+-------+--------+-----------+-------+---+
 *
 *   Elf64_Phdr
 *   0        4       8          16        24        32         40        48       56
 *   +--------+-------+----------+---------+---------+----------+---------+--------+
 *   | p_type | flags | p_offset | p_vaddr | p_paddr | p_filesz | p_memsz | p_align|
 *   +--------+-------+----------+---------+---------+----------+---------+--------+
 *
 *   Elf64_Nhdr, then name and descriptor, each padded to a multiple of 4 (or of p_align 8)
 *   0          4          8        12
 *   +----------+----------+--------+------
 *   | n_namesz | n_descsz | n_type | name...
 *   +----------+----------+--------+------
 * </pre>
 */
final class ElfHeader {
  static final long E_IDENT = 0;
  static final long E_TYPE = E_IDENT + 16;
  static final long E_MACHINE = E_TYPE + Short.BYTES;
  static final long E_VERSION = E_MACHINE + Short.BYTES;
  static final long E_ENTRY = E_VERSION + Integer.BYTES;
  static final long E_PHOFF = E_ENTRY + Long.BYTES;
  static final long E_SHOFF = E_PHOFF + Long.BYTES;
  static final long E_FLAGS = E_SHOFF + Long.BYTES;
  static final long E_EHSIZE = E_FLAGS + Integer.BYTES;
  static final long E_PHENTSIZE = E_EHSIZE + Short.BYTES;
  static final long E_PHNUM = E_PHENTSIZE + Short.BYTES;
  static final long EHDR_BYTES = 64;

  static final int ELF_MAGIC = 0x464c457f;
  static final long EI_CLASS = 4;
  static final long EI_DATA = 5;
  static final int ELFCLASS64 = 2;
  static final int ELFDATA2LSB = 1;
  static final int EM_X86_64 = 62;

  static final long P_TYPE = 0;
  static final long P_FLAGS = P_TYPE + Integer.BYTES;
  static final long P_OFFSET = P_FLAGS + Integer.BYTES;
  static final long P_VADDR = P_OFFSET + Long.BYTES;
  static final long P_PADDR = P_VADDR + Long.BYTES;
  static final long P_FILESZ = P_PADDR + Long.BYTES;
  static final long P_MEMSZ = P_FILESZ + Long.BYTES;
  static final long P_ALIGN = P_MEMSZ + Long.BYTES;
  static final long PHDR_BYTES = P_ALIGN + Long.BYTES;

  static final int PT_LOAD = 1;
  static final int PT_NOTE = 4;

  static final long N_NAMESZ = 0;
  static final long N_DESCSZ = N_NAMESZ + Integer.BYTES;
  static final long N_TYPE = N_DESCSZ + Integer.BYTES;
  static final long NHDR_BYTES = N_TYPE + Integer.BYTES;

  /** Xen's public/elfnote.h: the 32-bit entry point of a PVH kernel. */
  static final int XEN_ELFNOTE_PHYS32_ENTRY = 18;

  private ElfHeader() {}
}
