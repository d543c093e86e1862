package dev.basepoint.vmm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class BusTest {
  private final List<String> log = new ArrayList<>();

  /** Notes every access and answers with a value of its own. */
  private final class Probe implements MmioDevice, PortDevice {
    private final int answer;

    Probe(int answer) {
      this.answer = answer;
    }

    @Override
    public long read(long offset, int bytes) {
      log.add(answer + " read " + offset + "/" + bytes);
      return answer;
    }

    @Override
    public void write(long offset, int bytes, long value) {
      log.add(answer + " write " + offset + "/" + bytes + "=" + value);
    }

    @Override
    public int read(int offset, int bytes) {
      return (int) read((long) offset, bytes);
    }

    @Override
    public void write(int offset, int bytes, int value) {
      write((long) offset, bytes, (long) value);
    }
  }

  @Test
  void mmioFindsTheRightDeviceByOffset() {
    MmioBus bus = new MmioBus();
    bus.add(0xd0002000L, 0x1000, new Probe(3));
    bus.add(0xd0000000L, 0x1000, new Probe(1));
    bus.add(0xd0001000L, 0x1000, new Probe(2));
    assertEquals(1, bus.read(0xd0000000L, 4));
    assertEquals(2, bus.read(0xd0001ffcL, 4));
    bus.write(0xd0002050L, 2, 7);
    assertEquals(List.of("1 read 0/4", "2 read 4092/4", "3 write 80/2=7"), log);
  }

  @Test
  void mmioOutsideOrAcrossTheEndIsOpenBus() {
    MmioBus bus = new MmioBus();
    assertEquals(-1, bus.read(0xd0000000L, 4));
    bus.add(0xd0000000L, 0x1000, new Probe(1));
    assertEquals(-1, bus.read(0xcfffffffL, 1));
    assertEquals(-1, bus.read(0xcffffffeL, 4));
    assertEquals(-1, bus.read(0xd0000ffeL, 4));
    assertEquals(-1, bus.read(0xd0001000L, 1));
    assertEquals(-1, bus.read(-8, 8));
    bus.write(0xd0000ffdL, 8, 1);
    assertEquals(List.of(), log);
  }

  @Test
  void mmioClaimsMustBeSoundAndFree() {
    MmioBus bus = new MmioBus();
    bus.add(0x1000, 0x1000, new Probe(1));
    assertThrows(IllegalArgumentException.class, () -> bus.add(0x1fff, 1, new Probe(2)));
    assertThrows(IllegalArgumentException.class, () -> bus.add(0, 0x1001, new Probe(2)));
    assertThrows(IllegalArgumentException.class, () -> bus.add(0x5000, 0, new Probe(2)));
    assertThrows(
        IllegalArgumentException.class, () -> bus.add(Long.MAX_VALUE - 1, 4096, new Probe(2)));
    bus.add(0x2000, 0x1000, new Probe(2));
  }

  @Test
  void portsFindTheRightDeviceAndOthersAreOpen() {
    PortBus bus = new PortBus();
    bus.add(0x3f8, 8, new Probe(1));
    bus.add(0x610, 4, new Probe(2));
    assertThrows(IllegalArgumentException.class, () -> bus.add(0x3ff, 1, new Probe(3)));
    assertEquals(1, bus.read(0x3fd, 1));
    bus.write(0x610, 4, 9);
    assertEquals(-1, bus.read(0x400, 1));
    assertEquals(-1, bus.read(0x70, 1));
    bus.write(0x3f7, 1, 1);
    assertEquals(List.of("1 read 5/1", "2 write 0/4=9"), log);
  }
}
