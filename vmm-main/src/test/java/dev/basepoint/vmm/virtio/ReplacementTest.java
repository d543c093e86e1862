package dev.basepoint.vmm.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.vmm.virtio.channel.Deadlines;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A device server that fails is replaced, and the driver notices nothing but a delay. */
class ReplacementTest {
  private static final long FEATURES = TestGuest.VERSION_1 | TestGuest.EVENT_IDX;

  private static final Deadlines REPLACED =
      new Deadlines(
          Duration.ofSeconds(30),
          Duration.ofSeconds(30),
          Duration.ofSeconds(60),
          Duration.ofSeconds(60));

  /** Serves some requests, takes more without answering, and dies. */
  private static final class MortalServer extends FakeServer {
    private int left;

    MortalServer(int requestsToServe) throws IOException {
      super(FakeServer.blk(1));
      left = requestsToServe;
    }

    @Override
    void onKick(Queue queue) {
      if (window == null) {
        return;
      }
      while (queue.device.pop(queue.chain) == PopResult.CHAIN) {
        if (left-- > 0) {
          queue.device.push(queue.chain.headId(), echo(queue.chain));
          if (queue.device.publish()) {
            queue.call.signal();
          }
        }
      }
      if (left < 0) {
        loop.stop();
      } else {
        queue.device.enableKicks();
      }
    }
  }

  /** Notes the first readable bytes of each request, in the order of arrival. */
  private static final class OrderlyServer extends FakeServer {
    private final List<Byte> order = new ArrayList<>();

    OrderlyServer() throws IOException {
      super(FakeServer.blk(1));
    }

    @Override
    long serve(DescriptorChain chain) {
      order.add(chain.memory(0).get(ValueLayout.JAVA_BYTE, chain.offset(0)));
      return super.serve(chain);
    }
  }

  @Test
  void issuesRequestsInFlightAgainInTheirOrder() throws Exception {
    OrderlyServer second = new OrderlyServer();
    try (TestMachine machine = new TestMachine(REPLACED, new MortalServer(3));
        FakeServer replacement = second) {
      TestGuest guest = machine.guest(0).start(FEATURES, 1, 64);
      Map<Integer, byte[]> expected = new HashMap<>();
      for (byte i = 0; i < 20; i++) {
        byte[] question = {i, 1, 2, 3, 4, 5, 6, 7};
        int id = guest.queue(0).submit(Buffer.readable(question), Buffer.writable(5000));
        expected.put(id, FakeServer.answerTo(question, 5000));
      }
      guest.publish(0);
      machine.awaitFailure(0);
      assertFalse(guest.needsReset());

      machine.devices.devices().getFirst().replaceServer(replacement.channelForVmm());
      replacement.start();
      for (int i = 0; i < 20; i++) {
        Completion done = guest.awaitCompletion(0);
        assertArrayEquals(expected.remove(done.id()), done.written());
      }
      assertEquals(20, machine.counter(0, "requests"));
      assertEquals(1, machine.counter(0, "recoveries"));
      // Answers of the first server that had not been taken back yet are asked for again.
      List<Byte> order = second.order;
      assertEquals(order.stream().sorted().toList(), order);
      assertEquals((byte) 19, order.getLast());

      ask(guest, (byte) 42);
    }
  }

  private static void ask(TestGuest guest, byte value) throws Exception {
    byte[] question = {value, value};
    guest.queue(0).submit(Buffer.readable(question), Buffer.writable(10));
    guest.publish(0);
    assertArrayEquals(FakeServer.answerTo(question, 10), guest.awaitCompletion(0).written());
  }

  @Test
  void survivesManyDeathsInARow() throws Exception {
    List<FakeServer> servers = new ArrayList<>();
    try (TestMachine machine = new TestMachine(REPLACED, new MortalServer(5))) {
      TestGuest guest = machine.guest(0).start(FEATURES, 1, 64);
      Thread launcher =
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    try {
                      for (int i = 0; i < 30; i++) {
                        machine.awaitFailure(0);
                        FakeServer next = i < 29 ? new MortalServer(i) : new OrderlyServer();
                        servers.add(next);
                        machine.devices.devices().getFirst().replaceServer(next.channelForVmm());
                        next.start();
                      }
                    } catch (IOException | InterruptedException e) {
                      throw new IllegalStateException(e);
                    }
                  });
      for (int i = 0; i < 600; i++) {
        ask(guest, (byte) i);
      }
      launcher.join(60_000);
      assertFalse(launcher.isAlive());
      assertEquals(30, machine.counter(0, "failures"));
      // A replacement that dies before it has said that it runs has recovered nothing.
      assertTrue(machine.counter(0, "recoveries") > 0);
      assertEquals(600, machine.counter(0, "requests"));
    } finally {
      servers.forEach(FakeServer::close);
    }
  }

  @Test
  void tellsTheDriverWhenNobodyReplacesTheServer() throws Exception {
    Deadlines impatient =
        new Deadlines(
            Duration.ofSeconds(30),
            Duration.ofSeconds(30),
            Duration.ofSeconds(60),
            Duration.ofMillis(200));
    try (TestMachine machine = new TestMachine(impatient, new MortalServer(0));
        FakeServer late = new FakeServer(FakeServer.blk(1))) {
      TestGuest guest = machine.guest(0).start(FEATURES, 1, 64);
      guest.queue(0).submit(Buffer.readable((byte) 1), Buffer.writable(10));
      guest.publish(0);
      guest.awaitNeedsReset();

      // Too late to go unnoticed, and still good for the driver's next attempt.
      machine.devices.devices().getFirst().replaceServer(late.channelForVmm());
      late.start();
      guest.start(FEATURES, 1, 64);
      ask(guest, (byte) 7);
    }
  }

  @Test
  void refusesAReplacementThatIsAnotherDevice() throws Exception {
    DeviceReply.Info other = new DeviceReply.Info(2, TestGuest.VERSION_1, 2, 256, new byte[60]);
    try (TestMachine machine = new TestMachine(REPLACED, new MortalServer(0));
        FakeServer wrong = new FakeServer(other);
        FakeServer right = new FakeServer(FakeServer.blk(1))) {
      TestGuest guest = machine.guest(0).start(FEATURES, 1, 64);
      guest.queue(0).submit(Buffer.readable((byte) 1), Buffer.writable(10));
      guest.publish(0);
      machine.awaitFailure(0);
      machine.devices.devices().getFirst().replaceServer(wrong.channelForVmm());
      wrong.start();
      assertEquals("the replacement is not the same device", machine.awaitFailure(0));
      machine.devices.devices().getFirst().replaceServer(right.channelForVmm());
      right.start();
      assertArrayEquals(
          FakeServer.answerTo(new byte[] {1}, 10), guest.awaitCompletion(0).written());
    }
  }
}
