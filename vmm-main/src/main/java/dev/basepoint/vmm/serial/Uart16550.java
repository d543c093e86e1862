package dev.basepoint.vmm.serial;

import dev.basepoint.vmm.machine.InterruptLine;
import dev.basepoint.vmm.machine.PortDevice;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.SectionKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A 16550A serial port without a baud rate: bytes take no time on the wire, except while the
 * console's reader is slow.
 *
 * <pre>
 *   offset  read             write            with LCR.DLAB
 *   0       RBR received     THR to send      DLL divisor, low
 *   1       IER              IER              DLM divisor, high
 *   2       IIR              FCR
 *   3       LCR              LCR
 *   4       MCR              MCR
 *   5       LSR              -
 *   6       MSR              -
 *   7       SCR              SCR
 * </pre>
 *
 * The interrupt line is a level on the chip and an edge on the wire to the IOAPIC: an edge is sent
 * whenever a cause becomes pending that was not.
 */
public final class Uart16550 implements PortDevice {
  public static final int PORTS = 8;
  static final int FIFO_BYTES = ReceiverFifo.CAPACITY;

  private static final int IER_RDI = 1;
  private static final int IER_THRI = 1 << 1;
  private static final int IER_RLSI = 1 << 2;
  private static final int IER_MSI = 1 << 3;
  private static final int IER_MASK = 0xf;

  private static final int IIR_NO_INT = 0x01;
  private static final int IIR_MSI = 0x00;
  private static final int IIR_THRI = 0x02;
  private static final int IIR_RDI = 0x04;
  private static final int IIR_RX_TIMEOUT = 0x0c;
  private static final int IIR_RLSI = 0x06;
  private static final int IIR_FIFO_ENABLED = 0xc0;

  private static final int FCR_ENABLE_FIFO = 1;
  private static final int FCR_CLEAR_RCVR = 1 << 1;

  private static final int LCR_DLAB = 1 << 7;

  private static final int LSR_DR = 1;
  private static final int LSR_OE = 1 << 1;
  private static final int LSR_THRE = 1 << 5;
  private static final int LSR_TEMT = 1 << 6;

  private static final int DIVISOR_9600_BAUD = 12;

  /** Seven registers and flags, the modem lines, the divisor, the FIFO's count and content. */
  private static final int STATE_BYTES = 7 + 2 * Short.BYTES + 1 + FIFO_BYTES;

  /** What is at the other end of the receiver. */
  @FunctionalInterface
  public interface ReceiverRoom {
    /** The receiver has room for more bytes. Called with the port's lock held; must not block. */
    void onRoom();
  }

  private final ConsoleOutput output;
  private final InterruptLine interrupt;
  private final Runnable onFirstByte;
  private ReceiverRoom receiverRoom = () -> {};

  private final ReceiverFifo received = new ReceiverFifo();
  private final ModemLines modem = new ModemLines();
  private boolean inputHeld;

  private int ier;
  private int fcr;
  private int lcr;
  private int scr;
  private int divisor = DIVISOR_9600_BAUD;
  private boolean overrun;
  private boolean transmitterEmptied;
  private boolean firstByteSeen;

  /** Causes pending at the last look, as IER bits. */
  private int pending;

  /**
   * @param onFirstByte called once, when the guest sends its first byte
   */
  public Uart16550(ConsoleOutput output, InterruptLine interrupt, Runnable onFirstByte) {
    this.output = output;
    this.interrupt = interrupt;
    this.onFirstByte = onFirstByte;
    output.setOnRoom(this::onTransmitterRoom);
  }

  /** Sets who is told that the receiver has room again after {@link #receive} took less. */
  public synchronized void setReceiverRoom(ReceiverRoom receiverRoom) {
    this.receiverRoom = receiverRoom;
  }

  /** How many bytes {@link #receive} can take now; if 0, the room listener will be called. */
  public synchronized int receiverFree() {
    int free = receiverDepth() - received.count();
    inputHeld = free <= 0;
    return Math.max(0, free);
  }

  /** Takes one byte from outside; the caller has asked {@link #receiverFree}. */
  public synchronized void receive(byte value) {
    enqueue(value);
    updateInterrupt();
  }

  private synchronized void onTransmitterRoom() {
    transmitterEmptied = true;
    updateInterrupt();
  }

  /** A wide access is several byte accesses, as on an 8-bit bus. */
  @Override
  public synchronized int read(int offset, int bytes) {
    int value = 0;
    for (int i = 0; i < bytes; i++) {
      int register = offset + i;
      int part = register < PORTS ? readRegister(register) : 0xff;
      value |= part << (i * Byte.SIZE);
    }
    return value;
  }

  @Override
  public synchronized void write(int offset, int bytes, int value) {
    for (int i = 0; i < bytes && offset + i < PORTS; i++) {
      writeRegister(offset + i, (value >>> (i * Byte.SIZE)) & 0xff);
    }
  }

  private int readRegister(int register) {
    int value =
        switch (register) {
          case 0 -> divisorAccess() ? divisor & 0xff : dequeue();
          case 1 -> divisorAccess() ? divisor >> Byte.SIZE : ier;
          case 2 -> readIir();
          case 3 -> lcr;
          case 4 -> modem.mcr();
          case 5 -> readLsr();
          case 6 -> modem.readMsr();
          default -> scr;
        };
    updateInterrupt();
    return value;
  }

  private void writeRegister(int register, int value) {
    switch (register) {
      case 0 -> {
        if (divisorAccess()) {
          divisor = (divisor & 0xff00) | value;
        } else {
          transmit((byte) value);
        }
      }
      case 1 -> {
        if (divisorAccess()) {
          divisor = (divisor & 0xff) | (value << Byte.SIZE);
        } else {
          writeIer(value);
        }
      }
      case 2 -> writeFcr(value);
      case 3 -> lcr = value;
      case 4 -> modem.setMcr(value);
      case 7 -> scr = value;
      default -> {
        // LSR and MSR are read-only.
      }
    }
    updateInterrupt();
  }

  private boolean divisorAccess() {
    return (lcr & LCR_DLAB) != 0;
  }

  private void transmit(byte value) {
    transmitterEmptied = false;
    if (modem.isLoopBack()) {
      enqueue(value);
      transmitterEmptied = true;
      return;
    }
    if (!firstByteSeen) {
      firstByteSeen = true;
      onFirstByte.run();
    }
    output.put(value);
    transmitterEmptied = output.hasRoom();
  }

  private boolean transmitterReady() {
    return modem.isLoopBack() || output.hasRoom();
  }

  private int receiverDepth() {
    return (fcr & FCR_ENABLE_FIFO) != 0 ? FIFO_BYTES : 1;
  }

  private void enqueue(byte value) {
    overrun |= !received.offer(value, receiverDepth());
  }

  private int dequeue() {
    int value = received.poll();
    if (received.count() == 0) {
      askForInput();
    }
    return value;
  }

  private void askForInput() {
    if (inputHeld) {
      inputHeld = false;
      receiverRoom.onRoom();
    }
  }

  private void writeIer(int value) {
    boolean enablesThri = (value & IER_THRI) != 0 && (ier & IER_THRI) == 0;
    ier = value & IER_MASK;
    if (enablesThri && transmitterReady()) {
      transmitterEmptied = true;
    }
  }

  private void writeFcr(int value) {
    boolean toggled = ((value ^ fcr) & FCR_ENABLE_FIFO) != 0;
    fcr = value;
    if (toggled || (value & FCR_CLEAR_RCVR) != 0) {
      received.clear();
      askForInput();
    }
  }

  private int readLsr() {
    int value =
        (received.count() > 0 ? LSR_DR : 0)
            | (overrun ? LSR_OE : 0)
            | (transmitterReady() ? LSR_THRE | LSR_TEMT : 0);
    overrun = false;
    return value;
  }

  /** The pending cause of the highest priority; reading it acknowledges an empty transmitter. */
  private int readIir() {
    int fifo = (fcr & FCR_ENABLE_FIFO) != 0 ? IIR_FIFO_ENABLED : 0;
    int causes = causes();
    if ((causes & IER_RLSI) != 0) {
      return IIR_RLSI | fifo;
    }
    if ((causes & IER_RDI) != 0) {
      return (received.count() >= triggerLevel() ? IIR_RDI : IIR_RX_TIMEOUT) | fifo;
    }
    if ((causes & IER_THRI) != 0) {
      transmitterEmptied = false;
      return IIR_THRI | fifo;
    }
    return ((causes & IER_MSI) != 0 ? IIR_MSI : IIR_NO_INT) | fifo;
  }

  private int triggerLevel() {
    if ((fcr & FCR_ENABLE_FIFO) == 0) {
      return 1;
    }
    return switch (fcr >> 6) {
      case 0 -> 1;
      case 1 -> 4;
      case 2 -> 8;
      default -> 14;
    };
  }

  private int causes() {
    return ier
        & ((received.count() > 0 ? IER_RDI : 0)
            | (transmitterEmptied ? IER_THRI : 0)
            | (overrun ? IER_RLSI : 0)
            | (modem.hasChanged() ? IER_MSI : 0));
  }

  private void updateInterrupt() {
    int causes = causes();
    if ((causes & ~pending) != 0) {
      interrupt.raise();
    }
    pending = causes;
  }

  /** Saves the registers and what was received but not yet read. */
  public synchronized void saveTo(MachineState state) {
    ByteBuffer buffer = ByteBuffer.allocate(STATE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.put((byte) ier).put((byte) fcr).put((byte) lcr).put((byte) scr);
    buffer.put((byte) pending);
    buffer.put((byte) (overrun ? 1 : 0)).put((byte) (transmitterEmptied ? 1 : 0));
    buffer.putShort((short) modem.saved()).putShort((short) divisor);
    received.save(buffer);
    state.put(SectionKind.UART, 0, buffer.array());
  }

  /**
   * Takes over a saved port's state, before the machine runs.
   *
   * @throws IOException if it is damaged
   */
  public synchronized void restoreFrom(MachineState state) throws IOException {
    ByteBuffer buffer = state.get(SectionKind.UART, 0);
    if (buffer.remaining() != STATE_BYTES) {
      throw new IOException("the saved state of the serial port is damaged");
    }
    ier = buffer.get() & IER_MASK;
    fcr = Byte.toUnsignedInt(buffer.get());
    lcr = Byte.toUnsignedInt(buffer.get());
    scr = Byte.toUnsignedInt(buffer.get());
    pending = buffer.get() & IER_MASK;
    overrun = buffer.get() != 0;
    transmitterEmptied = buffer.get() != 0;
    modem.restore(buffer.getShort());
    divisor = Short.toUnsignedInt(buffer.getShort());
    received.restore(buffer, receiverDepth());
    if (pending != 0) {
      // The edge may have been on its way when the interrupt controllers were saved.
      interrupt.raise();
    }
  }
}
