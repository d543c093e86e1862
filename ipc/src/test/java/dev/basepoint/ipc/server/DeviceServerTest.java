package dev.basepoint.ipc.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.RequestFailedException.Code;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The frame around an echo device, with the test as launcher and vmm-main. */
class DeviceServerTest {
  private TestServer server;
  private TestDeviceClient client;

  @BeforeEach
  void serve() throws Exception {
    serve(new String[0]);
  }

  private void serve(String... args) throws Exception {
    server = TestServer.inProcess(EchoDevice.ROLE, args);
    server.hello();
    client = server.configure(DeviceServerTest::configuration);
  }

  private static SupervisionRequest.ConfigureDevice configuration(Fd channel) {
    return new SupervisionRequest.ConfigureRng("echo0", channel, 0, 1, 64);
  }

  @AfterEach
  void end() throws Exception {
    client.close();
    server.close();
  }

  private static Code code(org.junit.jupiter.api.function.Executable executable) {
    return assertThrows(RequestFailedException.class, executable).code();
  }

  private static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) i;
    }
    return bytes;
  }

  private static Buffer readable(byte... bytes) {
    return Buffer.readable(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--spin-micros=0", "--spin-micros=200"})
  void echoesOnEveryQueueWhetherItSleepsOrSpins(String spin) throws Exception {
    end();
    serve(spin);
    DeviceReply.Info info = client.start(1 << 20, 64, 16);
    assertEquals(42, info.virtioDeviceId());
    client.halt();
    client.activate(VirtioFeatures.TRANSPORT, 1 << 20, 64, 16);
    client.call(new DeviceRequest.Run());
    for (int i = 0; i < 2_000; i++) {
      byte[] sent = bytes(1 + i % 500);
      Completion done = client.request(i & 1, readable(sent), Buffer.writable(sent.length));
      assertArrayEquals(sent, done.written());
      assertEquals(sent.length, done.usedLength());
    }
    assertEquals(2_000, server.counters().get("requests"));
  }

  @Test
  void aBoundedDeviceStillServesEverything() throws Exception {
    client.describe();
    client.activate(
        VirtioFeatures.VIRTIO_F_VERSION_1 | EchoDevice.FEATURE_ONE_AT_A_TIME, 1 << 20, 64);
    client.call(new DeviceRequest.Run());
    for (int round = 0; round < 50; round++) {
      for (int i = 0; i < 32; i++) {
        client.guest(0).submit(readable((byte) i), Buffer.writable(1));
      }
      client.publish(0);
      for (int i = 0; i < 32; i++) {
        assertEquals(i, client.await(0).written()[0]);
      }
    }
  }

  @Test
  void drainFinishesWhatWasTakenAndLeavesTheRest() throws Exception {
    client.describe();
    client.activate(VirtioFeatures.TRANSPORT | EchoDevice.FEATURE_HOLD, 1 << 20, 64, 16);
    client.call(new DeviceRequest.Run());
    for (int i = 0; i < 10; i++) {
      client.guest(0).submit(readable((byte) i), Buffer.writable(1));
    }
    client.publish(0);
    awaitTaken();
    assertEquals(
        List.of(new DeviceReply.Position(0, 10, 10), new DeviceReply.Position(1, 1, 1)),
        client.drain());
    for (int i = 0; i < 10; i++) {
      assertEquals(i, client.guest(0).poll().orElseThrow().written()[0]);
    }
    client.guest(0).submit(readable(EchoDevice.RELEASE), Buffer.writable(1));
    client.publish(0);
    assertEquals(Code.OUT_OF_ORDER, code(client::drain));
    client.call(new DeviceRequest.Run());
    assertEquals(EchoDevice.RELEASE, client.await(0).written()[0]);
    assertEquals(new DeviceReply.Position(0, 11, 11), client.drain().getFirst());
  }

  /** Kicks are served in their order, so what queue 0 was given before is taken by now. */
  private void awaitTaken() throws IOException {
    assertEquals(6, client.request(1, readable((byte) 6), Buffer.writable(1)).written()[0]);
  }

  @Test
  void haltWithRequestsInFlightSettlesThemAndUnmapsTheWindow() throws Exception {
    client.describe();
    client.activate(VirtioFeatures.TRANSPORT | EchoDevice.FEATURE_HOLD, 1 << 20, 64, 16);
    client.call(new DeviceRequest.Run());
    client.guest(0).submit(readable((byte) 5), Buffer.writable(1));
    client.publish(0);
    awaitTaken();
    assertEquals(2, windowMappings(), "one of ours, one of the server's");
    client.call(new DeviceRequest.Halt());
    assertEquals(1, windowMappings());
    assertEquals(5, client.guest(0).poll().orElseThrow().written()[0]);
    assertEquals(Code.OUT_OF_ORDER, code(() -> client.call(new DeviceRequest.Halt())));
  }

  private static long windowMappings() throws IOException {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("memfd:window")).count();
    }
  }

  @Test
  void brokenRingsAreReportedAndEndTheServiceUntilTheNextActivation() throws Exception {
    DeviceReply.Info info = client.start(1 << 20, 64);
    RingAddresses ring = client.layout().queues().getFirst();
    // The index jumps by more than the queue can hold.
    client.memory().writeU16(ring.availGpa() + 2, 1000);
    client.kick(0).signal();
    DeviceEvent.Broken broken =
        assertInstanceOf(DeviceEvent.Broken.class, client.events().poll(60, TimeUnit.SECONDS));
    assertEquals("queue 0: AVAIL_INDEX_JUMP", broken.reason());
    client.drain();
    assertEquals(Code.FAILED, code(() -> client.call(new DeviceRequest.Run())));
    client.halt();
    client.activate(info.features() & ~EchoDevice.FEATURE_HOLD, 1 << 20, 64);
    client.call(new DeviceRequest.Run());
    assertEquals(9, client.request(0, readable((byte) 9), Buffer.writable(1)).written()[0]);
    assertTrue(client.events().isEmpty());
  }

  @Test
  void aMalformedChainComesBackEmptyAndCounts() throws Exception {
    client.describe();
    client.activate(VirtioFeatures.TRANSPORT, 1 << 20, 64);
    client.call(new DeviceRequest.Run());
    client.guest(0).submit(readable((byte) 1), Buffer.writable(1));
    long descriptor = client.layout().queues().getFirst().descGpa();
    client.memory().writeU64(descriptor, 1L << 40);
    client.publish(0);
    assertEquals(0, client.await(0).usedLength());
    assertEquals(1, server.counters().get("errors"));
    assertEquals(3, client.request(0, readable((byte) 3), Buffer.writable(1)).written()[0]);
  }

  @Test
  void configurationSpaceAndLink() throws Exception {
    assertEquals(
        Code.OUT_OF_ORDER,
        code(() -> client.call(new DeviceRequest.WriteConfig(0, new byte[] {9}))));
    assertArrayEquals(new byte[] {1, 2, 3, 4}, client.describe().config());
    client.call(new DeviceRequest.WriteConfig(2, new byte[] {8, 9}));
    assertEquals(
        Code.INVALID, code(() -> client.call(new DeviceRequest.WriteConfig(3, new byte[] {1, 1}))));
    server.call(new SupervisionRequest.SetLink(false));
    DeviceEvent.ConfigChanged changed =
        assertInstanceOf(
            DeviceEvent.ConfigChanged.class, client.events().poll(60, TimeUnit.SECONDS));
    assertArrayEquals(new byte[] {0, 2, 8, 9}, changed.config());
    assertArrayEquals(
        new byte[] {0, 2, 8, 9},
        ((DeviceReply.Info) client.call(new DeviceRequest.Describe())).config());
  }

  /** Activates with a message that was tampered with; the answer must be a refusal. */
  private void refuse(String why, UnaryOperator<DeviceRequest.Activate> tamper) throws Exception {
    try (Fd memfd = client.open(VirtioFeatures.TRANSPORT, 1 << 20, 64)) {
      DeviceRequest.Activate bad = tamper.apply(client.activation(memfd));
      RequestFailedException refused =
          assertThrows(RequestFailedException.class, () -> client.call(bad), why);
      assertTrue(refused.getMessage().contains(why), refused.getMessage());
      assertEquals(1, windowMappings(), why);
    }
  }

  private static DeviceRequest.Activate withQueue(
      DeviceRequest.Activate a, UnaryOperator<DeviceRequest.QueueSetup> tamper) {
    return new DeviceRequest.Activate(
        a.features(), a.windowBytes(), a.window(), List.of(tamper.apply(a.queues().getFirst())));
  }

  private static DeviceRequest.Activate withRing(
      DeviceRequest.Activate a, long descOffset, long availOffset, long usedOffset) {
    return withQueue(
        a,
        q ->
            new DeviceRequest.QueueSetup(
                0, q.size(), descOffset, availOffset, usedOffset, 0, 0, q.kick(), q.call()));
  }

  private static DeviceRequest.Activate withWindow(DeviceRequest.Activate a, Fd fd, long bytes) {
    return new DeviceRequest.Activate(a.features(), bytes, fd, a.queues());
  }

  @Test
  void activationsThatDoNotHoldTogetherAreRefused() throws Exception {
    client.describe();
    long descriptorsBefore = descriptors();
    refuse(
        "were not offered",
        a -> new DeviceRequest.Activate(1L << 60, a.windowBytes(), a.window(), a.queues()));
    refuse(
        "VERSION_1",
        a -> new DeviceRequest.Activate(1L << 29, a.windowBytes(), a.window(), a.queues()));
    refuse("announced", a -> withWindow(a, a.window(), a.windowBytes() + 4096));
    refuse("announced", a -> withWindow(a, a.window(), 4096));
    refuse("too large", a -> withWindow(a, a.window(), 1L << 50));
    refuse("DESC_MISALIGNED", a -> withRing(a, 8, 4096, 8192));
    refuse("AVAIL_MISALIGNED", a -> withRing(a, 0, 4097, 8192));
    refuse("USED_MISALIGNED", a -> withRing(a, 0, 4096, 8194));
    refuse("DESC_OUT_OF_RANGE", a -> withRing(a, a.windowBytes() - 16, 4096, 8192));
    refuse("AVAIL_OUT_OF_RANGE", a -> withRing(a, 0, a.windowBytes() - 2, 8192));
    refuse("USED_OUT_OF_RANGE", a -> withRing(a, 0, 4096, Long.MAX_VALUE - 3));
    refuse("queue 2 of 2", a -> withQueue(a, q -> queue(q, 2, 64, 0)));
    refuse("at most 64", a -> withQueue(a, q -> queue(q, 0, 128, 0)));
    refuse("in flight", a -> withQueue(a, q -> queue(q, 0, 64, 1)));
    refuse("queue 0 is missing", a -> withQueue(a, q -> queue(q, 1, 64, 0)));
    try (Fd unsealed = MemFd.create("unsealed", 1 << 20);
        Fd file = OpenFile.open("/proc/self/maps", OpenFile.O_RDONLY)) {
      refuse("not sealed", a -> withWindow(a, unsealed, 1 << 20));
      refuse("not sealed", a -> withWindow(a, file, 1 << 20));
      MemFd.seal(unsealed, MemFd.F_SEAL_GROW);
      refuse("not sealed", a -> withWindow(a, unsealed, 1 << 20));
      refuse(
          "epoll_ctl",
          a ->
              withQueue(
                  a,
                  q ->
                      new DeviceRequest.QueueSetup(
                          0,
                          64,
                          q.descOffset(),
                          q.availOffset(),
                          q.usedOffset(),
                          0,
                          0,
                          unsealed,
                          q.call())));
    }
    client.activate(VirtioFeatures.TRANSPORT, 1 << 20, 64);
    client.call(new DeviceRequest.Run());
    assertEquals(7, client.request(0, readable((byte) 7), Buffer.writable(1)).written()[0]);
    client.halt();
    assertEquals(descriptorsBefore, descriptors(), "descriptors of refused requests are closed");
  }

  private static DeviceRequest.QueueSetup queue(
      DeviceRequest.QueueSetup q, int index, int size, int nextAvail) {
    return new DeviceRequest.QueueSetup(
        index,
        size,
        q.descOffset(),
        q.availOffset(),
        q.usedOffset(),
        nextAvail,
        0,
        q.kick(),
        q.call());
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.count();
    }
  }

  @Test
  void aPeerThatBreaksTheProtocolLosesItsChannelAndNothingElse() throws Exception {
    client.start(1 << 20, 64);
    assertEquals(2, windowMappings());
    client.channel().send(new Frame(new byte[] {(byte) 0xff}, List.of()), soon());
    assertInstanceOf(ChannelClosedException.class, client.closed().get(60, TimeUnit.SECONDS));
    SupervisionEvent.Warning warning =
        assertInstanceOf(
            SupervisionEvent.Warning.class, server.events().poll(60, TimeUnit.SECONDS));
    assertTrue(warning.text().startsWith("echo0: device channel closed: "), warning.text());
    server.call(new SupervisionRequest.Ping());
    assertEquals(0, server.counters().get("errors"));
  }

  @Test
  void anActivationWithDescriptorsMissingOrOutOfOrderLeaksNothing() throws Exception {
    client.describe();
    client.activate(VirtioFeatures.TRANSPORT, 1 << 20, 64);
    long before = descriptors();
    try (EventFd a = EventFd.create();
        EventFd b = EventFd.create();
        Fd memfd = MemFd.create("other", 4096)) {
      DeviceRequest.Activate second =
          new DeviceRequest.Activate(
              1L << 32,
              4096,
              memfd,
              List.of(new DeviceRequest.QueueSetup(0, 1, 0, 0, 0, 0, 0, a.fd(), b.fd())));
      for (int i = 0; i < 10; i++) {
        assertEquals(Code.OUT_OF_ORDER, code(() -> client.call(second)));
      }
    }
    assertEquals(before, descriptors());
  }

  private static long soon() {
    return System.nanoTime() + TestServer.GENEROUS.toNanos();
  }

  @Test
  void supervisionRequestsMustFitTheRoleAndTheOrder() throws Exception {
    assertEquals(
        Code.OUT_OF_ORDER,
        code(() -> server.call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0))));
    assertEquals(Code.OUT_OF_ORDER, code(() -> server.configure(DeviceServerTest::configuration)));
    assertEquals(Code.UNKNOWN, code(() -> server.call(new SupervisionRequest.RunVm())));
    try (TestServer other = TestServer.inProcess(EchoDevice.ROLE)) {
      assertEquals(Code.OUT_OF_ORDER, code(() -> other.call(new SupervisionRequest.Ping())));
      assertEquals(Code.INVALID, code(() -> other.call(new SupervisionRequest.Hello(999, 0))));
      other.hello();
      long before = descriptors();
      try (EventFd image = EventFd.create()) {
        assertEquals(
            Code.INVALID,
            code(
                () ->
                    other.configure(
                        channel ->
                            new SupervisionRequest.ConfigureBlk(
                                "disk",
                                channel,
                                image.fd(),
                                List.of(),
                                false,
                                false,
                                "",
                                1,
                                64,
                                512,
                                true))));
      }
      RequestFailedException unlucky =
          assertThrows(
              RequestFailedException.class,
              () ->
                  other.configure(
                      channel -> new SupervisionRequest.ConfigureRng("x", channel, 0, 13, 64)));
      assertEquals("device server: the back end of x is unlucky", unlucky.getMessage());
      assertEquals(before, descriptors());
      other.configure(DeviceServerTest::configuration).close();
    }
  }

  @Test
  void stopEndsTheDeviceAndTheThreads() throws Exception {
    client.start(1 << 20, 64);
    server.call(new SupervisionRequest.Stop());
    assertEquals(DeviceServer.EXIT_OK, server.awaitStatus());
    assertEquals(
        new SupervisionEvent.Warning("echo0: closed"), server.events().poll(60, TimeUnit.SECONDS));
    assertEquals(1, windowMappings());
  }

  @Test
  void theWindowIsPopulatedBeforeTheDeviceSeesIt() throws Exception {
    client.describe();
    try (Fd memfd = client.open(VirtioFeatures.TRANSPORT, 1 << 20, 64)) {
      client.call(client.activation(memfd));
      // The device's mapping has every page in its page table; ours has only those it touched.
      List<Long> resident = windowResidentKib();
      assertEquals(2, resident.size());
      assertTrue(
          resident.stream().anyMatch(kib -> kib == client.layout().totalBytes() / 1024),
          resident.toString());
    }
    byte zero = client.memory().segment(0).get(ValueLayout.JAVA_BYTE, 0);
    assertEquals(0, zero);
  }

  private static List<Long> windowResidentKib() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("/proc/self/smaps"));
    List<Long> resident = new java.util.ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).contains("memfd:window")) {
        int rss = i + 1;
        while (!lines.get(rss).startsWith("Rss:")) {
          rss++;
        }
        resident.add(Long.parseLong(lines.get(rss).replaceAll("[^0-9]", "")));
      }
    }
    return resident;
  }

  @Test
  void aDeviceThatHangsCostsItsChannelWhileTheLauncherIsServed() throws Exception {
    client.start(1 << 20, 64);
    assertThrows(
        ChannelClosedException.class,
        () -> client.call(new DeviceRequest.WriteConfig(0, new byte[] {EchoDevice.HANG})));
    SupervisionEvent.Warning warning =
        assertInstanceOf(
            SupervisionEvent.Warning.class, server.events().poll(60, TimeUnit.SECONDS));
    assertTrue(warning.text().contains("did not answer within"), warning.text());
    server.call(new SupervisionRequest.Ping());
    server.counters();
    EchoDevice.HANGING.release();
    server.call(new SupervisionRequest.Stop());
    assertEquals(DeviceServer.EXIT_OK, server.awaitStatus());
  }

  @Test
  void anIncompatibleDriverIsToldSo() throws Exception {
    assertEquals(Code.INVALID, code(() -> client.call(new DeviceRequest.Hello(2, 0))));
    client.call(new DeviceRequest.Hello(DeviceProtocol.VERSION, 0));
  }

  @Test
  void argumentsAreChecked() {
    IllegalArgumentException unknown =
        assertThrows(
            IllegalArgumentException.class, () -> ServerOptions.parse(new String[] {"--what"}));
    assertTrue(unknown.getMessage().contains("--spin-micros=N"), unknown.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> ServerOptions.parse(new String[] {"--spin-micros=-1"}));
    assertEquals(
        new ServerOptions(20_000, 3, true),
        ServerOptions.parse(
            new String[] {"--spin-micros=20", "--warm-up-rounds=3", "--rehearse-only"}));
  }
}
