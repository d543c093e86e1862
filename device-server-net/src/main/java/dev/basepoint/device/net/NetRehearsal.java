package dev.basepoint.device.net;

import dev.basepoint.ipc.control.SupervisionRequest.ConfigureNet;
import dev.basepoint.ipc.control.SupervisionRequest.NetBackend;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.server.Rehearsal;
import dev.basepoint.ipc.server.RehearsalDriver;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Sends a datagram to the built-in echo peer and takes its answer, which plays both queues through.
 *
 * <pre>
 *   slots   | header | datagram ... | room for the answer
 *           0        12             2048
 * </pre>
 */
final class NetRehearsal implements Rehearsal<ConfigureNet> {
  private static final int RECEIVEQ = 0;
  private static final int TRANSMITQ = 1;
  private static final int MTU_BYTES = 1500;
  private static final int ANSWER_OFFSET = 2048;
  private static final int ANSWER_BYTES = 2048;

  private static final int IP = VirtioNetHeader.BYTES + 14;
  private static final int IP_HEADER_BYTES = 20;
  private static final int UDP = IP + IP_HEADER_BYTES;
  private static final int UDP_BYTES = 8 + 64;
  private static final int DATAGRAM_END = UDP + UDP_BYTES;

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  @Override
  public ConfigureNet configuration(Fd channel, int variant) {
    byte[] mac = {0x52, 0x54, 0, 0, 0, 1};
    return new ConfigureNet(
        "rehearsal", channel, null, NetBackend.ECHO, mac, MTU_BYTES, 16, false, true);
  }

  @Override
  public int queueCount() {
    return 2;
  }

  @Override
  public void request(RehearsalDriver driver) throws IOException {
    MemorySegment slots = driver.slots();
    slots.asSlice(0, DATAGRAM_END).fill((byte) 0);
    slots.set(U16, IP - 2, (short) 0x0800);
    slots.set(U16, IP, (short) 0x4500);
    slots.set(U16, IP + 2, (short) (IP_HEADER_BYTES + UDP_BYTES));
    slots.set(ValueLayout.JAVA_BYTE, IP + 9, (byte) 17);
    slots.set(U16, UDP + 2, (short) 7);
    slots.set(U16, UDP + 4, (short) UDP_BYTES);

    DriverQueue transmit = driver.queue(TRANSMITQ);
    transmit.begin();
    transmit.add(driver.slotsGpa(), DATAGRAM_END, false);
    transmit.submit();
    driver.roundTrip(TRANSMITQ);

    DriverQueue receive = driver.queue(RECEIVEQ);
    receive.begin();
    receive.add(driver.slotsGpa() + ANSWER_OFFSET, ANSWER_BYTES, true);
    receive.submit();
    driver.roundTrip(RECEIVEQ);
    if (receive.usedLength() != DATAGRAM_END) {
      throw new IOException("rehearsed echo has " + receive.usedLength() + " bytes");
    }
  }
}
