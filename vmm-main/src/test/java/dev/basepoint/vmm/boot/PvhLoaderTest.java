package dev.basepoint.vmm.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.memory.MemoryRegion;
import dev.basepoint.vmm.Assembler;
import dev.basepoint.vmm.TestKernel;
import dev.basepoint.vmm.boot.acpi.AcpiDevice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

final class PvhLoaderTest {
  private static final long RAM_BYTES = 4 << 20;
  private static final byte[] CODE = {1, 2, 3, 4, 5, 6, 7, 8};

  private static final PvhLoader.Hardware HARDWARE =
      new PvhLoader.Hardware(1, List.of(new AcpiDevice(0xd0000000L, 0x1000, 5)));

  private final MemorySegment memorySegment = Arena.ofAuto().allocate(RAM_BYTES, 4096);
  private final List<MemoryRegion> ram = List.of(new MemoryRegion(0, RAM_BYTES, memorySegment));
  private final GuestMemory memory = new GuestMemory(ram);

  private PvhLoader.Entry load(Fd kernel, Fd initrd, String commandLine) throws IOException {
    memorySegment.fill((byte) 0);
    try (kernel;
        initrd) {
      return new PvhLoader(ram, memory).load(kernel, initrd, commandLine, HARDWARE);
    }
  }

  private String refusal(Consumer<ByteBuffer> damage) throws IOException {
    TestKernel kernel = new TestKernel(CODE);
    damage.accept(kernel.file());
    Fd fd = kernel.open();
    return assertThrows(BootException.class, () -> load(fd, null, "")).getMessage();
  }

  @Test
  void loadsSegmentsEntryAndCommandLine() throws IOException {
    PvhLoader.Entry entry = load(new TestKernel(CODE).open(), null, "a=b c");
    assertEquals(Assembler.ORIGIN, entry.entryGpa());
    assertEquals(1, memory.readU8(Assembler.ORIGIN));
    assertEquals(8, memory.readU8(Assembler.ORIGIN + 7));
    long info = entry.startInfoGpa();
    assertEquals(0x336ec578, (int) memory.readU32(info));
    assertEquals(1, memory.readU32(info + 4));
    assertEquals(0, memory.readU32(info + 12), "no module");
    assertEquals(0x20445352, memory.readU32(memory.readU32(info + 32)), "ACPI: 'RSD '");
    long commandLine = memory.readU32(info + 24);
    assertEquals('a', memory.readU8(commandLine));
    assertEquals('c', memory.readU8(commandLine + 4));
    assertEquals(0, memory.readU8(commandLine + 5));
  }

  @Test
  void memoryMapCoversRamWithoutTheFirmwareArea() throws IOException {
    long info = load(new TestKernel(CODE).open(), null, "").startInfoGpa();
    long map = memory.readU32(info + 40);
    assertEquals(3, memory.readU32(info + 48));
    assertEquals(0, memory.readU32(map));
    assertEquals(0x9fc00, memory.readU32(map + 8));
    assertEquals(1, memory.readU32(map + 16));
    assertEquals(0x9fc00, memory.readU32(map + 24));
    assertEquals(2, memory.readU32(map + 24 + 16));
    assertEquals(0x100000, memory.readU32(map + 48));
    assertEquals(RAM_BYTES - 0x100000, memory.readU32(map + 48 + 8));
    assertEquals(1, memory.readU32(map + 48 + 16));
  }

  @Test
  void initrdLiesHighAndPageAligned() throws IOException {
    byte[] content = new byte[5000];
    new Random(7).nextBytes(content);
    long info =
        load(new TestKernel(CODE).open(), TestKernel.memfd("initrd", content), "").startInfoGpa();
    assertEquals(1, memory.readU32(info + 12));
    long module = memory.readU32(info + 16);
    long gpa = memory.readU32(module);
    assertEquals(RAM_BYTES - 8192, gpa);
    assertEquals(content.length, memory.readU32(module + 8));
    assertEquals(
        -1, memorySegment.asSlice(gpa, content.length).mismatch(MemorySegment.ofArray(content)));
  }

  @Test
  void initrdThatMeetsTheKernelIsRefused() throws IOException {
    Fd kernel = new TestKernel(CODE).open();
    Fd initrd = TestKernel.memfd("initrd", new byte[(int) RAM_BYTES - 0x100000]);
    BootException e = assertThrows(BootException.class, () -> load(kernel, initrd, ""));
    assertTrue(e.getMessage().contains("more memory"), e.getMessage());
  }

  @Test
  void notAnElfFile() throws IOException {
    assertTrue(refusal(file -> file.putInt(0, 1)).contains("not an ELF file"));
    assertTrue(refusal(file -> file.put(4, (byte) 1)).contains("64-bit"));
    assertTrue(refusal(file -> file.putShort(18, (short) 3)).contains("64-bit"));
    Fd empty = TestKernel.memfd("kernel", new byte[0]);
    assertThrows(BootException.class, () -> load(empty, null, ""));
    Fd tiny = TestKernel.memfd("kernel", new byte[10]);
    assertThrows(BootException.class, () -> load(tiny, null, ""));
  }

  @Test
  void programHeadersOutsideTheFile() throws IOException {
    assertTrue(refusal(file -> file.putLong(32, Long.MAX_VALUE)).contains("outside"));
    assertTrue(refusal(file -> file.putLong(32, -8)).contains("outside"));
    assertTrue(refusal(file -> file.putShort(56, (short) -1)).contains("65535 program headers"));
    assertTrue(refusal(file -> file.putShort(54, (short) 32)).contains("32 bytes"));
    assertTrue(refusal(file -> file.putShort(56, (short) 0)).contains("0 program headers"));
  }

  @Test
  void segmentsOutsideFileOrRam() throws IOException {
    int load = TestKernel.PHDR_LOAD;
    assertTrue(refusal(file -> file.putLong(load + 8, 1 << 20)).contains("outside the file"));
    assertTrue(refusal(file -> file.putLong(load + 8, -1)).contains("outside the file"));
    assertTrue(refusal(file -> file.putLong(load + 32, -1)).contains("outside the file"));
    assertTrue(refusal(file -> file.putLong(load + 40, 4)).contains("more bytes in the file"));
    assertTrue(refusal(file -> file.putLong(load + 40, -4)).contains("more bytes in the file"));
    assertTrue(refusal(file -> file.putLong(load + 40, RAM_BYTES)).contains("outside the guest"));
    assertTrue(refusal(file -> file.putLong(load + 24, -4096)).contains("outside the guest"));
    assertTrue(refusal(file -> file.putLong(load + 24, 1L << 40)).contains("outside the guest"));
  }

  @Test
  void segmentsOverTheBootInformation() throws IOException {
    int load = TestKernel.PHDR_LOAD;
    assertTrue(refusal(file -> file.putLong(load + 24, 0x6ff8)).contains("boot information"));
    assertTrue(refusal(file -> file.putLong(load + 24, 0x20000)).contains("command line"));
    assertTrue(refusal(file -> file.putLong(load + 24, 0xffffc)).contains("firmware area"));
  }

  @Test
  void overlappingSegments() throws IOException {
    String message =
        refusal(
            file -> {
              // A third program header, over the code, for the bytes that are loaded already.
              file.putShort(56, (short) 3);
              int third = TestKernel.NOTE;
              byte[] note = new byte[20];
              file.get(third, note);
              for (int i = 0; i < 56; i += 8) {
                file.putLong(third + i, file.getLong(TestKernel.PHDR_LOAD + i));
              }
              file.put(third + 56, note);
              file.putLong(TestKernel.PHDR_NOTE + 8, third + 56);
            });
    assertTrue(message.contains("kernel segment 2"), message);
    assertTrue(message.contains("overlaps kernel segment 0"), message);
  }

  @Test
  void notes() throws IOException {
    int note = TestKernel.NOTE;
    assertTrue(refusal(file -> file.putInt(note + 8, 17)).contains("no PVH entry point"));
    assertTrue(refusal(file -> file.put(note + 12, (byte) 'Y')).contains("no PVH entry point"));
    assertTrue(refusal(file -> file.putInt(note, -1)).contains("outside its segment"));
    assertTrue(refusal(file -> file.putInt(note + 4, -1)).contains("outside its segment"));
    assertTrue(refusal(file -> file.putInt(note + 4, 2)).contains("has 2 bytes"));
    assertTrue(refusal(file -> file.putInt(note + 16, 0x200000)).contains("none of its segments"));
    assertTrue(
        refusal(file -> file.putLong(TestKernel.PHDR_NOTE + 32, 1 << 20)).contains("too large"));
  }

  @Test
  void commandLineIsBoundedAndPrintable() {
    assertThrows(
        BootException.class, () -> load(new TestKernel(CODE).open(), null, "x".repeat(4096)));
    assertThrows(BootException.class, () -> load(new TestKernel(CODE).open(), null, "a\0b"));
  }

  /** Damaged headers either load within RAM or are refused; nothing else is thrown. */
  @Test
  void randomDamageIsRefusedOrHarmless() throws IOException {
    long seed = 20260101;
    Random random = new Random(seed);
    int refused = 0;
    for (int round = 0; round < 3000; round++) {
      TestKernel kernel = new TestKernel(CODE);
      for (int i = 0; i < 1 + random.nextInt(3); i++) {
        kernel.file().put(random.nextInt(TestKernel.CODE), (byte) random.nextInt(256));
      }
      try {
        PvhLoader.Entry entry = load(kernel.open(), null, "");
        assertTrue(memory.contains(entry.entryGpa(), 1), "seed " + seed + " round " + round);
      } catch (BootException e) {
        refused++;
      }
    }
    assertTrue(refused > 300, refused + " of 3000 refused");
  }
}
