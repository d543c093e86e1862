package dev.basepoint.vmm.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.vmm.state.MachineState;
import dev.basepoint.vmm.state.SectionKind;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import dev.basepoint.vmm.virtio.shadow.Flow;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Devices are saved in the middle of their work, and go on at other servers. */
@Timeout(180)
class SavedDevicesTest {
  private static final long FEATURES = TestGuest.VERSION_1 | TestGuest.EVENT_IDX;
  private static final int CONFIG_CHANGE = 2;

  /** Answers every request with the same byte, as soon as it may. */
  private static final class HoldingServer extends FakeServer {
    private final byte filling;
    private final Semaphore taken = new Semaphore(0);
    private volatile boolean released;

    HoldingServer(DeviceReply.Info info, int filling) throws IOException {
      super(info);
      this.filling = (byte) filling;
    }

    HoldingServer releasedFromStart() {
      released = true;
      return this;
    }

    @Override
    void onKick(Queue queue) {
      if (window == null) {
        return;
      }
      do {
        while (queue.device.pop(queue.chain) == PopResult.CHAIN) {
          if (released) {
            queue.device.push(queue.chain.headId(), answer(queue.chain));
          } else {
            held.add(new Held(queue, queue.chain.headId(), answer(queue.chain)));
          }
          taken.release();
        }
        if (queue.device.publish()) {
          queue.call.signal();
        }
      } while (queue.device.enableKicks());
    }

    private record Held(Queue queue, int head, long written) {}

    private final java.util.List<Held> held = new java.util.ArrayList<>();

    private long answer(DescriptorChain chain) {
      byte[] bytes = new byte[Math.toIntExact(chain.writableBytes())];
      Arrays.fill(bytes, filling);
      chain.copyToWritable(0, MemorySegment.ofArray(bytes), 0, bytes.length);
      return bytes.length;
    }

    /** Answers what it holds, and everything from now on. */
    void release() {
      CountDownLatch done = new CountDownLatch(1);
      loop.execute(
          () -> {
            released = true;
            for (Held one : held) {
              one.queue.device.push(one.head, one.written);
              if (one.queue.device.publish()) {
                one.queue.call.signal();
              }
            }
            held.clear();
            done.countDown();
          });
      try {
        assertTrue(done.await(60, TimeUnit.SECONDS));
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    void awaitTaken(int count) throws InterruptedException {
      assertTrue(taken.tryAcquire(count, 60, TimeUnit.SECONDS), "the server takes no request");
    }
  }

  private static long soon() {
    return System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
  }

  private static int usedIndex(TestGuest guest, TestHost host, int queue) {
    return host.memory().readU16(guest.ring(queue).usedGpa() + 2);
  }

  private static MachineState save(TestMachine machine) throws IOException {
    machine.devices.setFlow(Flow.SETTLING);
    MachineState state = new MachineState();
    machine.devices.saveTo(state, soon());
    return MachineState.decode(state.encode());
  }

  private static byte[] filled(int count, int value) {
    byte[] bytes = new byte[count];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  @Test
  void openEntropyRequestsAreAnsweredByTheCloneAlone() throws Exception {
    HoldingServer first = new HoldingServer(FakeServer.rng(), 0x11);
    try (TestMachine original = new TestMachine(TestMachine.PATIENT, first)) {
      TestGuest guest = original.guest(0).start(FEATURES, 1, 64);
      for (int i = 0; i < 5; i++) {
        guest.queue(0).submit(Buffer.writable(32 + i));
      }
      guest.publish(0);
      first.awaitTaken(5);
      original.devices.setFlow(Flow.SETTLING);
      // From here on the original's server may say what it likes: the guest must not hear it.
      first.release();
      MachineState state = save(original);
      assertEquals(0, usedIndex(guest, original.host, 0));

      HoldingServer second = new HoldingServer(FakeServer.rng(), 0x22).releasedFromStart();
      try (TestMachine clone =
          new TestMachine(new TestHost(original.host), TestMachine.PATIENT, second)) {
        clone.devices.restoreFrom(state, soon());
        second.awaitTaken(5);
        clone.awaitIoThread();
        assertEquals(0, usedIndex(guest, original.host, 0), "a clone that does not run yet");
        guest.moveTo(clone.host);
        clone.devices.setFlow(Flow.OPEN);
        for (int i = 0; i < 5; i++) {
          Completion done = guest.awaitCompletion(0);
          assertArrayEquals(filled(done.written().length, 0x22), done.written());
        }
        // And it goes on as any device does.
        guest.queue(0).submit(Buffer.writable(100));
        guest.publish(0);
        assertArrayEquals(filled(100, 0x22), guest.awaitCompletion(0).written());
      }
    }
  }

  @Test
  void originalGoesOnAfterItWasSaved() throws Exception {
    HoldingServer server = new HoldingServer(FakeServer.rng(), 0x11);
    try (TestMachine machine = new TestMachine(TestMachine.PATIENT, server)) {
      TestGuest guest = machine.guest(0).start(FEATURES, 1, 64);
      guest.queue(0).submit(Buffer.writable(32));
      guest.publish(0);
      server.awaitTaken(1);
      save(machine);
      server.release();
      machine.awaitIoThread();
      assertEquals(0, usedIndex(guest, machine.host, 0));
      machine.devices.setFlow(Flow.OPEN);
      assertArrayEquals(filled(32, 0x11), guest.awaitCompletion(0).written());
    }
  }

  @Test
  void diskRequestsEndBeforeTheMachineIsSaved() throws Exception {
    HoldingServer first = new HoldingServer(FakeServer.blk(1), 0x11);
    try (TestMachine original = new TestMachine(TestMachine.PATIENT, first)) {
      TestGuest guest = original.guest(0).start(FEATURES, 1, 64);
      for (int i = 0; i < 3; i++) {
        guest.queue(0).submit(Buffer.readable((byte) i), Buffer.writable(512));
      }
      guest.publish(0);
      first.awaitTaken(3);
      original.devices.setFlow(Flow.SETTLING);
      MachineState tooEarly = new MachineState();
      IOException refused =
          assertThrows(
              IOException.class,
              () -> original.devices.saveTo(tooEarly, System.nanoTime() + 100_000_000));
      assertTrue(
          refused.getMessage().contains("device disk0 cannot be captured: its server does not"),
          refused.getMessage());
      // Kicked while nothing new is taken: for the clone.
      guest.queue(0).submit(Buffer.readable((byte) 9), Buffer.writable(512));
      guest.publish(0);
      first.release();
      MachineState state = save(original);
      assertEquals(3, usedIndex(guest, original.host, 0));
      assertFalse(first.taken.tryAcquire(), "a request was taken after the pause");

      HoldingServer second = new HoldingServer(FakeServer.blk(1), 0x22).releasedFromStart();
      try (TestMachine clone =
          new TestMachine(new TestHost(original.host), TestMachine.PATIENT, second)) {
        clone.devices.restoreFrom(state, soon());
        guest.moveTo(clone.host);
        clone.devices.setFlow(Flow.OPEN);
        for (int i = 0; i < 3; i++) {
          assertArrayEquals(filled(512, 0x11), guest.awaitCompletion(0).written());
        }
        assertArrayEquals(filled(512, 0x22), guest.awaitCompletion(0).written());
      }
    }
  }

  @Test
  void networkCardHasItsOwnAddressAndItsOpenReceiveBuffers() throws Exception {
    HoldingServer first = new HoldingServer(FakeServer.net(1), 0x11);
    long features = FEATURES | 1L << 5;
    try (TestMachine original = new TestMachine(TestMachine.PATIENT, first)) {
      TestGuest guest = original.guest(0).start(features, 2, 64);
      guest.queue(0).submit(Buffer.writable(1526));
      guest.publish(0);
      first.awaitTaken(1);
      MachineState state = save(original);
      int generation = guest.read(MmioRegister.CONFIG_GENERATION);

      HoldingServer second = new HoldingServer(FakeServer.net(2), 0x22);
      try (TestMachine clone =
          new TestMachine(new TestHost(original.host), TestMachine.PATIENT, second)) {
        clone.devices.restoreFrom(state, soon());
        second.awaitTaken(1);
        guest.moveTo(clone.host);
        clone.devices.setFlow(Flow.OPEN);
        assertEquals(CONFIG_CHANGE, guest.awaitInterrupt());
        assertEquals(generation + 1, guest.read(MmioRegister.CONFIG_GENERATION));
        assertEquals(2, clone.host.load(clone.devices.slots().get(0), 0x105, 1));
        second.release();
        assertArrayEquals(filled(1526, 0x22), guest.awaitCompletion(0).written());
      }
    }
  }

  @Test
  void anotherServerTakesOverBeforeTheCloneRuns() throws Exception {
    HoldingServer first = new HoldingServer(FakeServer.rng(), 0x11);
    try (TestMachine original = new TestMachine(TestMachine.PATIENT, first)) {
      TestGuest guest = original.guest(0).start(FEATURES, 1, 64);
      guest.queue(0).submit(Buffer.writable(32));
      guest.publish(0);
      first.awaitTaken(1);
      MachineState state = save(original);
      HoldingServer second = new HoldingServer(FakeServer.rng(), 0x22).releasedFromStart();
      HoldingServer wrong = new HoldingServer(FakeServer.blk(1), 0x33);
      HoldingServer third = new HoldingServer(FakeServer.rng(), 0x44).releasedFromStart();
      try (TestMachine clone =
              new TestMachine(new TestHost(original.host), TestMachine.PATIENT, second);
          wrong;
          third) {
        clone.devices.restoreFrom(state, soon());
        GuestDevice device = clone.devices.device("rng0").orElseThrow();
        third.start();
        device.swapServer(third.channelForVmm(), soon());
        third.awaitTaken(1);
        clone.awaitIoThread();
        assertEquals(0, usedIndex(guest, original.host, 0));
        guest.moveTo(clone.host);
        clone.devices.setFlow(Flow.OPEN);
        assertArrayEquals(filled(32, 0x44), guest.awaitCompletion(0).written());
        wrong.start();
        IOException refused =
            assertThrows(IOException.class, () -> device.swapServer(wrong.channelForVmm(), soon()));
        assertEquals("device rng0: the replacement is not the same device", refused.getMessage());
      }
    }
  }

  @Test
  void cloneOfAnotherMachineIsRefused() throws Exception {
    HoldingServer first = new HoldingServer(FakeServer.blk(1), 0x11);
    try (TestMachine original = new TestMachine(TestMachine.PATIENT, first)) {
      MachineState state = save(original);
      byte[] config = new byte[60];
      config[0] = 8;
      DeviceReply.Info larger =
          new DeviceReply.Info(2, FakeServer.blk(1).features(), 1, 256, config);
      assertTrue(refusal(original, state, larger).contains("device disk0: its capacity is 8"));
      String other = refusal(original, state, FakeServer.blk(2));
      assertTrue(other.contains("device disk0: the saved machine has here blk disk0"), other);
      String kind = refusal(original, state, FakeServer.rng());
      assertTrue(kind.contains("this one has rng rng0"), kind);
      String count = refusal(original, state, FakeServer.blk(1), FakeServer.blk(1));
      assertTrue(count.contains("does not have 2 devices"), count);
    }
  }

  private static String refusal(TestMachine original, MachineState state, DeviceReply.Info... infos)
      throws IOException {
    FakeServer[] servers = new FakeServer[infos.length];
    for (int i = 0; i < infos.length; i++) {
      servers[i] = new FakeServer(infos[i]);
    }
    try (TestMachine clone =
        new TestMachine(new TestHost(original.host), TestMachine.PATIENT, servers)) {
      return assertThrows(IOException.class, () -> clone.devices.restoreFrom(state, soon()))
          .getMessage();
    }
  }

  @Test
  void writeCacheStaysAsTheDriverSetIt() throws Exception {
    long features = FEATURES | 1L << 11;
    try (TestMachine original =
        new TestMachine(TestMachine.PATIENT, new FakeServer(FakeServer.blk(1)))) {
      TestGuest guest = original.guest(0).start(features, 1, 64);
      original.host.store(original.devices.slots().get(0), 0x120, 1, 1);
      MachineState state = save(original);
      FakeServer second = new FakeServer(FakeServer.blk(1));
      try (TestMachine clone =
          new TestMachine(new TestHost(original.host), TestMachine.PATIENT, second)) {
        clone.devices.restoreFrom(state, soon());
        guest.moveTo(clone.host);
        assertEquals(1, clone.host.load(clone.devices.slots().get(0), 0x120, 1));
        long deadline = soon();
        while (second.seen.stream().noneMatch(DeviceRequest.WriteConfig.class::isInstance)) {
          assertTrue(System.nanoTime() < deadline, "the new server was not told");
          Thread.onSpinWait();
        }
      }
    }
  }

  /**
   * Whatever stands in a state file, a clone either refuses it or makes of it what a guest could
   * have made of its device: the I/O thread never fails, and nothing is touched outside of RAM.
   */
  @Test
  void damagedStateIsRefusedOrHarmless() throws Exception {
    HoldingServer first = new HoldingServer(FakeServer.net(1), 0x11);
    Random random = new Random(20261121);
    int refused = 0;
    int restored = 0;
    try (TestMachine original = new TestMachine(TestMachine.PATIENT, first)) {
      TestGuest guest = original.guest(0).start(FEATURES | 1L << 5, 2, 16);
      for (int i = 0; i < 4; i++) {
        guest.queue(0).submit(Buffer.writable(600));
      }
      guest.publish(0);
      first.awaitTaken(4);
      byte[] good = content(save(original));
      byte[] ram = ramOf(original.host);
      for (int i = 0; i < 400; i++) {
        byte[] bad = damaged(good, random);
        MemorySegment.copy(
            ram, 0, original.host.memory().segment(0), ValueLayout.JAVA_BYTE, 0, ram.length);
        if (survives(original.host, bad)) {
          restored++;
        } else {
          refused++;
        }
      }
    }
    assertTrue(refused > 50, "refused " + refused);
    assertTrue(restored > 20, "restored " + restored);
  }

  private static byte[] content(MachineState state) throws IOException {
    ByteBuffer section = state.get(SectionKind.VIRTIO, 0);
    byte[] bytes = new byte[section.remaining()];
    section.get(bytes);
    return bytes;
  }

  private static byte[] ramOf(TestHost host) {
    return host.memory().segment(0).asSlice(0, 17L << 20).toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] damaged(byte[] good, Random random) {
    byte[] bad = good.clone();
    switch (random.nextInt(4)) {
      case 0 -> bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      case 1 -> bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      case 2 -> ByteBuffer.wrap(bad).putInt(random.nextInt(bad.length - 4), random.nextInt());
      default -> bad = Arrays.copyOf(bad, random.nextInt(bad.length));
    }
    return bad;
  }

  private static boolean survives(TestHost before, byte[] content) throws Exception {
    MachineState state = new MachineState();
    state.put(SectionKind.VIRTIO, 0, content);
    HoldingServer server = new HoldingServer(FakeServer.net(1), 0x22).releasedFromStart();
    // Closing the machine fails the test if the I/O thread has failed.
    try (TestMachine clone = new TestMachine(new TestHost(before), TestMachine.PATIENT, server)) {
      try {
        clone.devices.restoreFrom(state, soon());
      } catch (IOException e) {
        return false;
      }
      clone.devices.setFlow(Flow.OPEN);
      clone.awaitIoThread();
      return true;
    }
  }
}
