package dev.basepoint.vmm.state;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class MachineStateTest {
  private static byte[] sample() {
    MachineState state = new MachineState();
    state.put(SectionKind.VCPU, 0, new byte[] {1, 2, 3});
    state.put(SectionKind.UART, 0, new byte[] {});
    state.put(SectionKind.VIRTIO, 7, new byte[] {9});
    return state.encode();
  }

  private static String refusal(byte[] bytes) {
    return assertThrows(IOException.class, () -> MachineState.decode(bytes)).getMessage();
  }

  private static byte[] withInt(byte[] bytes, int at, int value) {
    byte[] changed = bytes.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
    return changed;
  }

  @Test
  void returnsWhatWasPut() throws IOException {
    MachineState state = MachineState.decode(sample());
    assertEquals(3, state.get(SectionKind.VCPU, 0).remaining());
    assertEquals(9, state.get(SectionKind.VIRTIO, 7).get());
    assertTrue(state.has(SectionKind.UART, 0));
    assertFalse(state.has(SectionKind.UART, 1));
    assertThrows(IOException.class, () -> state.get(SectionKind.PIT, 0));
    assertArrayEquals(sample(), state.encode());
  }

  @Test
  void damageIsNamed() {
    byte[] good = sample();
    assertTrue(refusal(withInt(good, 0, 5)).contains("not the state"));
    assertTrue(refusal(withInt(good, 4, 2)).contains("version 2"));
    assertTrue(refusal(withInt(good, 8, 4)).contains("cut off"));
    assertTrue(refusal(withInt(good, 8, 2)).contains("surplus"));
    assertTrue(refusal(withInt(good, 12, 99)).contains("unknown kind 99"));
    assertTrue(refusal(withInt(good, 20, -1)).contains("cut off"));
    assertTrue(refusal(withInt(good, 20, Integer.MAX_VALUE)).contains("cut off"));
    assertTrue(refusal(Arrays.copyOf(good, good.length - 1)).contains("cut off"));
    // The second section becomes the first one's twin.
    byte[] twin = withInt(good, 12 + 12 + 3, 1);
    assertTrue(refusal(twin).contains("there already"), refusal(twin));
  }

  @Test
  void randomDamageNeverEscapesAsAnotherException() {
    Random random = new Random(99);
    int refused = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = sample();
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      try {
        MachineState.decode(bytes);
      } catch (IOException e) {
        refused++;
      }
    }
    assertTrue(refused > 1000);
  }
}
