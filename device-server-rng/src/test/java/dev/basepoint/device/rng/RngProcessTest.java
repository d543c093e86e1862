package dev.basepoint.device.rng;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.ipc.server.DeviceServer;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.server.TestServer;
import dev.basepoint.ipc.server.VirtioFeatures;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The real process, with the test as its launcher and its vmm-main. */
class RngProcessTest {
  private TestServer server;

  @BeforeEach
  void spawn() throws Exception {
    server = TestServer.spawn("dev.basepoint.device.rng.Main");
  }

  @AfterEach
  void end() throws Exception {
    server.close();
  }

  private TestDeviceClient configured() throws Exception {
    assertEquals("rng", server.hello().role());
    return server.configure(RngProcessTest::configuration);
  }

  private static SupervisionRequest.ConfigureDevice configuration(Fd channel) {
    return new SupervisionRequest.ConfigureRng("rng0", channel, 0, 4096, 64);
  }

  @Test
  void servesEntropyThroughItsWholeLife() throws Exception {
    TestDeviceClient client = configured();
    DeviceReply.Info info = client.start(1 << 20, 64);
    assertEquals(4, info.virtioDeviceId());
    assertEquals(VirtioFeatures.TRANSPORT, info.features());
    assertEquals(1, info.queueCount());
    assertEquals(64, info.queueSizeMax());
    assertEquals(0, info.config().length);

    Set<ByteBuffer> seen = new HashSet<>();
    long ones = 0;
    for (int i = 0; i < 500; i++) {
      Completion done = client.request(0, Buffer.writable(7), Buffer.writable(25));
      assertEquals(32, done.usedLength());
      assertTrue(seen.add(ByteBuffer.wrap(done.written())), "the same 32 bytes came twice");
      for (byte b : done.written()) {
        ones += Integer.bitCount(b & 0xff);
      }
    }
    // 128,000 fair bits: the standard deviation is 179.
    assertTrue(Math.abs(ones - 64_000) < 179 * 8, ones + " ones in 128000 bits");

    assertEquals(List.of(new DeviceReply.Position(0, 500, 500)), client.drain());
    client.guest(0).submit(Buffer.writable(16));
    client.guest(0).publish();
    client.kick(0).signal();
    client.call(new DeviceRequest.Ping());
    assertTrue(client.guest(0).poll().isEmpty(), "a drained device serves nothing");
    client.call(new DeviceRequest.Run());
    assertEquals(16, client.await(0).usedLength());

    client.halt();
    client.activate(info.features(), 1 << 20, 16);
    client.call(new DeviceRequest.Run());
    assertEquals(4096, client.request(0, Buffer.writable(10_000)).usedLength());

    assertEquals(502, server.counters().get("requests"));
    assertEquals(500 * 32 + 16 + 4096, server.counters().get("bytesToGuest"));
    assertEquals(0, server.counters().get("errors"));
    assertEquals(0, server.counters().get("bytesFromGuest"));
    client.close();
  }

  @Test
  void aRehearsalLeavesNothingBehind() throws Exception {
    server.hello();
    try (TestServer rehearsed =
        TestServer.spawn("dev.basepoint.device.rng.Main", "--warm-up-rounds=20")) {
      rehearsed.hello();
      assertEquals(descriptors(server), descriptors(rehearsed));
      TestDeviceClient client = rehearsed.configure(RngProcessTest::configuration);
      assertEquals(0, rehearsed.counters().get("requests"));
      client.start(1 << 20, 64);
      assertEquals(32, client.request(0, Buffer.writable(32)).usedLength());
      client.close();
    }
  }

  /** What the process holds, without what differs by design: inode numbers. */
  private static List<String> descriptors(TestServer server) throws IOException {
    Path directory = Path.of("/proc", String.valueOf(server.process().pid()), "fd");
    List<String> descriptors = new ArrayList<>();
    try (Stream<Path> entries = Files.list(directory)) {
      for (Path entry : entries.sorted().toList()) {
        descriptors.add(Files.readSymbolicLink(entry).toString().replaceAll("[0-9]+", "N"));
      }
    }
    return descriptors.stream().sorted().toList();
  }

  @Test
  void refusesWhatComesOutOfOrderAndGoesOn() throws Exception {
    RequestFailedException early =
        assertThrows(
            RequestFailedException.class, () -> server.call(new SupervisionRequest.ReadCounters()));
    assertEquals(RequestFailedException.Code.OUT_OF_ORDER, early.code());
    try (TestDeviceClient client = configured()) {
      for (DeviceRequest request :
          List.of(
              new DeviceRequest.Describe(),
              new DeviceRequest.Run(),
              new DeviceRequest.Drain(),
              new DeviceRequest.Halt(),
              new DeviceRequest.Ping())) {
        RequestFailedException refused =
            assertThrows(RequestFailedException.class, () -> client.call(request));
        assertEquals(RequestFailedException.Code.OUT_OF_ORDER, refused.code());
      }
      client.start(1 << 20, 64);
      assertEquals(8, client.request(0, Buffer.writable(8)).usedLength());
    }
  }

  @Test
  void garbageFromTheLauncherEndsIt() throws Exception {
    configured();
    server.channel().send(new Frame(new byte[] {(byte) 0xff}, List.of()), soon());
    assertEquals(new ChildProcess.Exit(DeviceServer.EXIT_PROTOCOL, -1), server.awaitExit());
  }

  @Test
  void startedByHandItSaysWhatItIsFor() throws Exception {
    List<String> argv =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.basepoint.device.rng.Main");
    try (Fd devNull = OpenFile.open("/dev/null", OpenFile.O_RDWR);
        ChildProcess child =
            ChildProcess.spawn(argv, List.of(), List.of(devNull, devNull, devNull))) {
      assertEquals(new ChildProcess.Exit(DeviceServer.EXIT_USAGE, -1), child.awaitExit(soon()));
    }
  }

  private static long soon() {
    return System.nanoTime() + TestServer.GENEROUS.toNanos();
  }

  @Test
  void endsWithTheLauncher() throws Exception {
    configured();
    server.hangUp();
    assertEquals(new ChildProcess.Exit(0, -1), server.awaitExit());
  }

  @Test
  void endsWhenAsked() throws Exception {
    TestDeviceClient client = configured();
    client.start(1 << 20, 64);
    server.call(new SupervisionRequest.Stop());
    assertEquals(new ChildProcess.Exit(0, -1), server.awaitExit());
    assertInstanceOf(ChannelClosedException.class, client.closed().get(60, TimeUnit.SECONDS));
    client.close();
  }

  @Test
  void itsDeathIsSeenAtOnceByBothPeers() throws Exception {
    TestDeviceClient client = configured();
    client.start(1 << 20, 64);
    assertFalse(client.closed().isDone());
    server.process().signal(Signals.SIGKILL);
    assertInstanceOf(ChannelClosedException.class, client.closed().get(60, TimeUnit.SECONDS));
    assertInstanceOf(ChannelClosedException.class, server.closed().get(60, TimeUnit.SECONDS));
    assertEquals(new ChildProcess.Exit(-1, Signals.SIGKILL), server.awaitExit());
    client.close();
  }
}
