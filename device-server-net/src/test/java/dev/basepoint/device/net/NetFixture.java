package dev.basepoint.device.net;

import dev.basepoint.ipc.control.SupervisionRequest.ConfigureNet;
import dev.basepoint.ipc.control.SupervisionRequest.NetBackend;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.server.TestFrame;
import dev.basepoint.ipc.server.VirtioFeatures;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.WindowLayout;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;

/** A network device in the test's own thread, with a driver for each of its queues. */
final class NetFixture implements AutoCloseable {
  static final long FEATURES = VirtioFeatures.TRANSPORT | NetFeatures.ALWAYS;
  static final int RX = 0;
  static final int TX = 1;
  static final int MTU_BYTES = 1500;
  private static final long HEAP_BYTES = 8 << 20;

  final TestFrame frame = new TestFrame();
  final WindowLayout layout;
  final GuestMemory memory;
  final NetDevice device;
  private final Arena arena = Arena.ofConfined();
  private GuestDriver rx;
  private GuestDriver tx;

  NetFixture(PacketBackEnd backEnd, long features, int queueSize) throws IOException {
    layout = WindowLayout.compute(List.of(queueSize, queueSize), HEAP_BYTES);
    memory = GuestMemory.ofWindow(arena.allocate(layout.totalBytes(), WindowLayout.PAGE_BYTES));
    try (EventFd unused = EventFd.create()) {
      device =
          (NetDevice)
              frame.configure(
                  (configuration, host) -> new NetDevice(configuration, backEnd, host),
                  new ConfigureNet(
                      "net0",
                      unused.fd(),
                      null,
                      NetBackend.ECHO,
                      Frames.GUEST_MAC,
                      MTU_BYTES,
                      queueSize,
                      false,
                      true));
    }
    activate(features);
  }

  /** Activates with empty rings. */
  void activate(long features) throws IOException {
    memory.segment(0).fill((byte) 0);
    SlotAllocator heap = new SlotAllocator(layout.slotsOffset(), layout.slotsBytes());
    rx = new GuestDriver(memory, layout.queues().get(RX), heap, features);
    tx = new GuestDriver(memory, layout.queues().get(TX), heap, features);
    frame.activate(memory, features, layout.queues().get(RX), layout.queues().get(TX));
  }

  GuestDriver rx() {
    return rx;
  }

  GuestDriver tx() {
    return tx;
  }

  /** Offers receive buffers and lets the device use them. */
  void receiveInto(int... bufferBytes) throws IOException {
    for (int bytes : bufferBytes) {
      rx.submit(Buffer.writable(bytes));
    }
    kickRx();
  }

  void kickRx() throws IOException {
    rx.publish();
    frame.kickAndKeep(RX);
  }

  /** Sends what was submitted to the transmit queue. */
  void kickTx() throws IOException {
    tx.publish();
    frame.kickAndKeep(TX);
  }

  /** Sends one frame from one buffer. */
  void send(byte[] ethernetFrame) throws IOException {
    tx.submit(Buffer.readable(Frames.withHeader(ethernetFrame)));
    kickTx();
    if (tx.poll().isEmpty()) {
      throw new AssertionError("the packet was not sent");
    }
  }

  /** The frame in a used receive buffer, without its header. */
  static byte[] frameOf(Completion done) {
    return Arrays.copyOfRange(done.written(), VirtioNetHeader.BYTES, (int) done.usedLength());
  }

  @Override
  public void close() throws IOException {
    frame.close();
    arena.close();
  }
}
