package dev.basepoint.vmm.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.vmm.virtio.mmio.MmioRegister;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A software guest, the whole of vmm-main's device side, and an honest server in a thread. */
class ShadowEndToEndTest {
  private static final long ALL =
      TestGuest.VERSION_1 | TestGuest.EVENT_IDX | TestGuest.INDIRECT_DESC;

  @Test
  void servesRequestsOfEveryShape() throws Exception {
    try (TestMachine machine =
        new TestMachine(TestMachine.PATIENT, new FakeServer(FakeServer.blk(1)))) {
      TestGuest guest = machine.guest(0).start(ALL, 1, 128);
      SplittableRandom random = new SplittableRandom(7);
      for (int round = 0; round < 300; round++) {
        List<byte[]> questions = new ArrayList<>();
        List<Buffer> buffers = new ArrayList<>();
        for (int i = random.nextInt(4); i >= 0; i--) {
          byte[] bytes = new byte[1 + random.nextInt(random.nextBoolean() ? 64 : 9000)];
          random.nextBytes(bytes);
          questions.add(bytes);
          buffers.add(Buffer.readable(bytes));
        }
        int room = 0;
        for (int i = random.nextInt(4); i >= 0; i--) {
          int length = 1 + random.nextInt(random.nextBoolean() ? 64 : 9000);
          room += length;
          buffers.add(Buffer.writable(length));
        }
        GuestDriver queue = guest.queue(0);
        int id =
            random.nextBoolean()
                ? queue.submit(buffers.toArray(Buffer[]::new))
                : queue.submitIndirect(buffers.toArray(Buffer[]::new));
        guest.publish(0);
        GuestDriver.Completion done = guest.awaitCompletion(0);
        assertEquals(id, done.id());
        assertEquals(room, done.usedLength());
        assertArrayEquals(FakeServer.answerTo(concat(questions), room), done.written());
      }
      assertEquals(300, machine.counter(0, "requests"));
      assertEquals(0, machine.counter(0, "errors"));
      assertNull(machine.servers.getFirst().failure);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {TestGuest.VERSION_1, TestGuest.VERSION_1 | TestGuest.EVENT_IDX})
  void keepsManyRequestsInFlight(long features) throws Exception {
    for (long spinNanos : new long[] {0, 50_000}) {
      try (TestMachine machine =
          new TestMachine(TestMachine.PATIENT, new FakeServer(FakeServer.blk(2)))) {
        machine.setSpinNanos(spinNanos);
        TestGuest guest = machine.guest(0).start(features, 2, 64);
        drive(guest, 0, 3000);
        drive(guest, 1, 3000);
        assertEquals(6000, machine.counter(0, "requests"));
      }
    }
  }

  private static void drive(TestGuest guest, int queueIndex, int requests) throws Exception {
    GuestDriver queue = guest.queue(queueIndex);
    Map<Integer, byte[]> expected = new HashMap<>();
    SplittableRandom random = new SplittableRandom(queueIndex);
    int submitted = 0;
    int completed = 0;
    while (completed < requests) {
      int batch = 1 + random.nextInt(8);
      while (submitted < requests && batch > 0 && queue.hasRoomFor(3)) {
        byte[] question = new byte[1 + random.nextInt(4096)];
        random.nextBytes(question);
        int room = 1 + random.nextInt(4096);
        int id = queue.submit(Buffer.readable(question), Buffer.writable(room), Buffer.writable(1));
        expected.put(id, FakeServer.answerTo(question, room + 1));
        submitted++;
        batch--;
      }
      guest.publish(queueIndex);
      GuestDriver.Completion done = guest.awaitCompletion(queueIndex);
      assertArrayEquals(expected.remove(done.id()), done.written());
      completed++;
    }
  }

  @Test
  void waitsInTheGuestsRingWhileTheWindowIsFull() throws Exception {
    try (TestMachine machine =
        new TestMachine(TestMachine.PATIENT, new FakeServer(FakeServer.blk(1)))) {
      // 12 requests of 2 MiB; the window has 16 MiB for a queue.
      int length = 2 << 20;
      TestGuest guest = machine.guest(0, 40L << 20).start(ALL, 1, 64);
      byte[] question = {1, 2, 3};
      for (int i = 0; i < 12; i++) {
        guest.queue(0).submit(Buffer.readable(question), Buffer.writable(length));
      }
      guest.publish(0);
      byte[] answer = FakeServer.answerTo(question, length);
      for (int i = 0; i < 12; i++) {
        assertArrayEquals(answer, guest.awaitCompletion(0).written());
      }
      assertTrue(machine.counter(0, "windowFull") > 0);
    }
  }

  @Test
  void resetsWhileRequestsAreInFlightAndServesAgain() throws Exception {
    try (TestMachine machine =
        new TestMachine(TestMachine.PATIENT, new FakeServer(FakeServer.blk(1)))) {
      TestGuest guest = machine.guest(0);
      for (int round = 0; round < 50; round++) {
        guest.start(ALL, 1, 64);
        for (int i = 0; i < 10; i++) {
          guest.queue(0).submit(Buffer.readable(new byte[2000]), Buffer.writable(3000));
        }
        guest.publish(0);
        guest.reset();
        assertEquals(0, guest.status());
        byte[] before = ramDigest(machine);
        assertArrayEquals(before, ramDigest(machine), "guest RAM changed after a reset");
        assertEquals(0, guest.read(MmioRegister.INTERRUPT_STATUS));
      }
      guest.start(ALL, 1, 64);
      drive(guest, 0, 100);
      assertFalse(guest.needsReset());
    }
  }

  private static byte[] ramDigest(TestMachine machine) throws Exception {
    java.security.MessageDigest digest = java.security.MessageDigest.getInstance("SHA-1");
    digest.update(machine.host.memory().segment(0).asSlice(8 << 20, 1 << 20).asByteBuffer());
    return digest.digest();
  }

  @Test
  void passesConfigurationBothWays() throws Exception {
    FakeServer server = new FakeServer(FakeServer.blk(1));
    try (TestMachine machine = new TestMachine(TestMachine.PATIENT, server)) {
      TestGuest guest = machine.guest(0);
      guest.start(ALL | 1L << 11, 1, 64);
      int generation = guest.read(MmioRegister.CONFIG_GENERATION);
      byte[] content = new byte[60];
      content[0] = 42;
      server.loop.execute(() -> server.emit(new DeviceEvent.ConfigChanged(content)));
      assertEquals(2, guest.awaitInterrupt());
      assertEquals(42, machine.host.load(machine.devices.slots().getFirst(), 0x100, 8));
      assertEquals(generation + 1, guest.read(MmioRegister.CONFIG_GENERATION));

      machine.host.store(machine.devices.slots().getFirst(), 0x100 + 32, 1, 1);
      machine.host.store(machine.devices.slots().getFirst(), 0x100, 1, 7);
      assertEquals(1, machine.host.load(machine.devices.slots().getFirst(), 0x100 + 32, 1));
      assertEquals(42, machine.host.load(machine.devices.slots().getFirst(), 0x100, 1));
      drive(guest, 0, 1);
      guest.reset();
      guest.start(ALL, 1, 64);
      drive(guest, 0, 1);
      List<DeviceRequest> writes =
          server.seen.stream().filter(DeviceRequest.WriteConfig.class::isInstance).toList();
      assertEquals(1, writes.size());
    }
  }

  private static byte[] concat(List<byte[]> parts) {
    java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
    parts.forEach(all::writeBytes);
    return all.toByteArray();
  }
}
