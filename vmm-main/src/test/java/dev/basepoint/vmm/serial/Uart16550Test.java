package dev.basepoint.vmm.serial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.SectionKind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The port's registers, driven as a guest's driver would; the event loop never runs here. */
final class Uart16550Test {
  private static final int DATA = 0;
  private static final int IER = 1;
  private static final int IIR = 2;
  private static final int LCR = 3;
  private static final int MCR = 4;
  private static final int LSR = 5;
  private static final int MSR = 6;
  private static final int SCR = 7;

  private final AtomicInteger interrupts = new AtomicInteger();
  private final AtomicInteger firstBytes = new AtomicInteger();
  private EventLoop loop;
  private Pipe pipe;
  private ConsoleOutput output;
  private Uart16550 uart;

  @BeforeEach
  void open() throws IOException {
    loop = new EventLoop();
    pipe = Pipe.create();
    output = new ConsoleOutput(pipe.writeEnd(), loop);
    uart = new Uart16550(output, interrupts::incrementAndGet, firstBytes::incrementAndGet);
  }

  @AfterEach
  void close() {
    output.close();
    pipe.close();
    loop.close();
  }

  private int in(int register) {
    return uart.read(register, 1);
  }

  private void out(int register, int value) {
    uart.write(register, 1, value);
  }

  private String written() {
    assertTrue(output.flush(System.nanoTime() + TimeUnit.SECONDS.toNanos(30)));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(1 << 16);
      long count = Syscalls.read(pipe.readEnd().number(), buffer);
      byte[] bytes = buffer.asSlice(0, Math.max(0, count)).toArray(ValueLayout.JAVA_BYTE);
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }
  }

  @Test
  void resetState() {
    assertEquals(0x01, in(IIR));
    assertEquals(0x60, in(LSR));
    assertEquals(0xb0, in(MSR));
    assertEquals(0, in(IER));
    assertEquals(0, in(LCR));
    assertEquals(0, in(MCR));
  }

  @Test
  void sendsBytesInOrderAndReportsTheFirst() {
    "hello".chars().forEach(c -> out(DATA, c));
    assertEquals(1, firstBytes.get());
    assertEquals("hello", written());
  }

  @Test
  void divisorLatchHidesDataAndInterruptEnable() {
    out(IER, 0x5);
    out(LCR, 0x83);
    out(DATA, 0x34);
    out(IER, 0x12);
    assertEquals(0x34, in(DATA));
    assertEquals(0x12, in(IER));
    out(LCR, 0x03);
    assertEquals(0x5, in(IER));
    assertEquals(0x03, in(LCR));
    out(DATA, 'x');
    assertEquals("x", written(), "the divisor was not sent");
  }

  @Test
  void transmitterInterruptIsRaisedOnceAndAcknowledgedByIir() {
    out(IER, 0x2);
    assertEquals(1, interrupts.get(), "enabling with an empty transmitter interrupts");
    assertEquals(0x02, in(IIR));
    assertEquals(0x01, in(IIR));
    out(DATA, 'a');
    assertEquals(2, interrupts.get());
    assertEquals(0x02, in(IIR));
  }

  @Test
  void receiverInterruptAndFifo() {
    out(IIR, 0xc1);
    out(IER, 0x1);
    assertEquals(16, uart.receiverFree());
    uart.receive((byte) 'a');
    uart.receive((byte) 'b');
    assertEquals(1, interrupts.get(), "one edge while the cause stays pending");
    assertEquals(0xcc, in(IIR), "below the trigger level: time-out");
    assertEquals(0x61, in(LSR));
    for (int i = 2; i < 14; i++) {
      uart.receive((byte) 'c');
    }
    assertEquals(0xc4, in(IIR), "at the trigger level");
    assertEquals('a', in(DATA));
    assertEquals('b', in(DATA));
    for (int i = 2; i < 14; i++) {
      assertEquals('c', in(DATA));
    }
    assertEquals(0x60, in(LSR));
    assertEquals(0xc1, in(IIR));
    uart.receive((byte) 'd');
    assertEquals(2, interrupts.get());
  }

  @Test
  void fullReceiverAsksForInputWhenEmptied() {
    AtomicInteger rooms = new AtomicInteger();
    uart.setReceiverRoom(rooms::incrementAndGet);
    assertEquals(1, uart.receiverFree(), "no FIFO yet: one byte");
    uart.receive((byte) 'a');
    assertEquals(0, uart.receiverFree());
    assertEquals(0, rooms.get());
    assertEquals('a', in(DATA));
    assertEquals(1, rooms.get());
  }

  @Test
  void overrunIsReportedOnce() {
    out(IER, 0x4);
    uart.receive((byte) 'a');
    uart.receive((byte) 'b');
    assertEquals(1, interrupts.get());
    assertEquals(0x06, in(IIR));
    assertEquals(0x63, in(LSR));
    assertEquals(0x61, in(LSR));
    assertEquals('a', in(DATA));
  }

  @Test
  void loopBackReturnsDataAndModemLines() {
    out(MCR, 0x10 | 0x0f);
    assertEquals(0xf0, in(MSR) & 0xf0, "RTS, DTR, OUT1 and OUT2 come back");
    out(DATA, 'z');
    assertEquals('z', in(DATA));
    out(MCR, 0x10);
    assertEquals(0x0f, in(MSR), "all four lines fell");
    assertEquals(0x00, in(MSR), "deltas are read once");
    assertEquals(0, output.totalBytes());
  }

  @Test
  void scratchRegisterAndWideAccess() {
    out(SCR, 0xa5);
    assertEquals(0xa5, in(SCR));
    assertEquals(0xffff_ffa5, uart.read(SCR, 4), "beyond the last register the bus is open");
    uart.write(LCR, 2, 0x1003);
    assertEquals(0x03, in(LCR));
    assertEquals(0x10, in(MCR));
  }

  @Test
  void savedPortGoesOnInAnother() throws IOException {
    out(IIR, 0x81);
    out(IER, 0x1);
    out(LCR, 0x1b);
    out(SCR, 0x77);
    uart.receive((byte) 'a');
    uart.receive((byte) 'b');
    MachineState state = new MachineState();
    uart.saveTo(state);
    try (Pipe otherPipe = Pipe.create();
        ConsoleOutput otherOutput = new ConsoleOutput(otherPipe.writeEnd(), loop)) {
      uart = new Uart16550(otherOutput, interrupts::incrementAndGet, firstBytes::incrementAndGet);
      uart.restoreFrom(MachineState.decode(state.encode()));
      assertEquals(0x1, in(IER));
      assertEquals(0x1b, in(LCR));
      assertEquals(0x77, in(SCR));
      assertEquals(0xcc, in(IIR));
      assertEquals('a', in(DATA));
      assertEquals('b', in(DATA));
      assertEquals(0xc1, in(IIR));
      assertEquals(2, interrupts.get(), "the edge is sent again: it may have been lost on the way");
    }
    MachineState damaged = new MachineState();
    damaged.put(SectionKind.UART, 0, new byte[3]);
    assertThrows(IOException.class, () -> uart.restoreFrom(damaged));
  }

  @Test
  void slowReaderTurnsTheTransmitterOffAndLosesNothing() {
    int sent = 0;
    while ((in(LSR) & 0x20) != 0) {
      out(DATA, 'a' + sent % 26);
      sent++;
      assertTrue(sent <= ConsoleOutput.CAPACITY_BYTES, "the transmitter is never full");
    }
    assertTrue(sent > ConsoleOutput.CAPACITY_BYTES / 2);
    assertEquals(0, in(LSR) & 0x60);
    String text = written();
    assertEquals(sent, text.length());
    for (int i = 0; i < sent; i++) {
      assertEquals('a' + i % 26, text.charAt(i));
    }
    assertFalse((in(LSR) & 0x20) == 0, "room again");
  }
}
