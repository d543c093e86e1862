package dev.basepoint.ipc.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class SandboxOrderTest {
  private static final SandboxOrder ORDER =
      new SandboxOrder(
          List.of(new SandboxOrder.Limit(1, 0), new SandboxOrder.Limit(9, 1L << 40)),
          new byte[] {6, 0, 0, 0, 0, 0, -1, 127},
          true);

  @Test
  void survivesItsOwnBytes() {
    SandboxOrder read = SandboxOrder.ofBytes(ORDER.toBytes());
    assertEquals(ORDER.limits(), read.limits());
    assertArrayEquals(ORDER.filter(), read.filter());
    assertTrue(read.notifies());
  }

  @Test
  void refusesMalformedBytes() {
    byte[] bytes = ORDER.toBytes();
    for (int length : new int[] {0, 1, 2, 10, 19}) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(IllegalArgumentException.class, () -> SandboxOrder.ofBytes(cut));
    }
    bytes[2] = 16;
    assertThrows(IllegalArgumentException.class, () -> SandboxOrder.ofBytes(bytes));
    bytes[2] = -1;
    assertThrows(IllegalArgumentException.class, () -> SandboxOrder.ofBytes(bytes));
  }

  @Test
  void refusesAFilterOfPartInstructions() {
    SandboxOrder order = new SandboxOrder(List.of(), new byte[9], false);
    assertThrows(IllegalArgumentException.class, order::apply);
  }
}
