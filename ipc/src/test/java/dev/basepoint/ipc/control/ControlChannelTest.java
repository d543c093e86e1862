package dev.basepoint.ipc.control;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class ControlChannelTest {
  private static final Duration GENEROUS = Duration.ofSeconds(30);

  private UnixSocket raw;
  private FrameChannel left;
  private FrameChannel right;

  private final BlockingQueue<DeviceEvent> events = new LinkedBlockingQueue<>();
  private final CompletableFuture<IOException> closed = new CompletableFuture<>();

  @BeforeEach
  void connect() throws Exception {
    UnixSocket[] pair = UnixSocket.pair();
    raw = pair[0];
    left = new FrameChannel(pair[0], "device server");
    right = new FrameChannel(pair[1], "vmm-main");
  }

  @AfterEach
  void disconnect() {
    left.close();
    right.close();
  }

  private static long soon() {
    return System.nanoTime() + GENEROUS.toNanos();
  }

  private Requester<DeviceRequest, DeviceReply, DeviceEvent> requester() {
    return new Requester<>(
            left,
            new DeviceProtocol(),
            new Requester.Listener<DeviceEvent>() {
              @Override
              public void onEvent(DeviceEvent event) {
                events.add(event);
              }

              @Override
              public void onClosed(IOException cause) {
                closed.complete(cause);
              }
            })
        .start();
  }

  /** Serves {@code right} on a thread until its stream ends. */
  private Responder<DeviceRequest, DeviceReply, DeviceEvent> serve(
      Responder.Handler<DeviceRequest, DeviceReply> handler) {
    Responder<DeviceRequest, DeviceReply, DeviceEvent> responder =
        new Responder<>(right, new DeviceProtocol(), handler);
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                while (Poll.await(right.fd(), Poll.POLLIN, soon())) {
                  responder.serveReady();
                }
              } catch (IOException e) {
                right.shutdown();
              }
            });
    return responder;
  }

  @Test
  void requestReplyFailureAndEvent() throws Exception {
    DeviceLifecycle lifecycle = new DeviceLifecycle();
    Responder<DeviceRequest, DeviceReply, DeviceEvent> responder =
        serve(
            request -> {
              lifecycle.require(request);
              lifecycle.done(request);
              return request instanceof DeviceRequest.Hello hello
                  ? new DeviceReply.Hello(hello.version(), 5)
                  : new DeviceReply.Done();
            });
    try (var requester = requester()) {
      RequestFailedException refused =
          assertThrows(
              RequestFailedException.class,
              () -> requester.call(new DeviceRequest.Run(), GENEROUS));
      assertEquals(RequestFailedException.Code.OUT_OF_ORDER, refused.code());
      assertEquals("device server: Run in state FRESH", refused.getMessage());
      assertEquals(
          new DeviceReply.Hello(1, 5), requester.call(new DeviceRequest.Hello(1, 0), GENEROUS));
      responder.emit(new DeviceEvent.Broken("ring\u001b[31m index"));
      assertEquals(
          new DeviceEvent.Broken("ring?[31m index"),
          events.poll(GENEROUS.toSeconds(), TimeUnit.SECONDS));
    }
    assertInstanceOf(ChannelClosedException.class, closed.get(30, TimeUnit.SECONDS));
  }

  @Test
  void silentPeerCostsTheDeadlineAndItsLateAnswerIsIgnored() throws Exception {
    try (var requester = requester()) {
      RequestFailedException late =
          assertThrows(
              RequestFailedException.class,
              () -> requester.call(new DeviceRequest.Describe(), Duration.ofMillis(50)));
      assertEquals(RequestFailedException.Code.DEADLINE, late.code());
      serve(request -> new DeviceReply.Done());
      assertEquals(new DeviceReply.Done(), requester.call(new DeviceRequest.Run(), GENEROUS));
    }
  }

  @Test
  void theLateAnswerToAnInterruptedCallerIsIgnored() throws Exception {
    try (var requester = requester()) {
      Thread.currentThread().interrupt();
      assertThrows(IOException.class, () -> requester.call(new DeviceRequest.Describe(), GENEROUS));
      assertTrue(Thread.interrupted());
      serve(request -> new DeviceReply.Done());
      assertEquals(new DeviceReply.Done(), requester.call(new DeviceRequest.Run(), GENEROUS));
    }
  }

  private static CloneIdentity identity() {
    return new CloneIdentity(
        "vm-1",
        new byte[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        7,
        new byte[] {9});
  }

  @Test
  void identitiesOutsideTheirBoundsAreRefused() {
    byte[] id = new byte[CloneIdentity.GENERATION_ID_BYTES];
    byte[] none = {};
    for (Executable wrong :
        List.<Executable>of(
            () -> new CloneIdentity("", id, 0, none),
            () -> new CloneIdentity("\u00e4".repeat(33), id, 0, none),
            () -> new CloneIdentity("vm", new byte[15], 0, none),
            () -> new CloneIdentity("vm", id, 0, new byte[CloneIdentity.METADATA_BYTES_MAX + 1]))) {
      assertThrows(IllegalArgumentException.class, wrong);
    }
    Frame withoutId =
        new Frame(
            dev.basepoint.ipc.control.proto.SupervisionRequestFrame.newBuilder()
                .setRunClone(dev.basepoint.ipc.control.proto.RunClone.getDefaultInstance())
                .build()
                .toByteArray(),
            List.of());
    assertThrows(ProtocolException.class, () -> new SupervisionProtocol().decodeRequest(withoutId));
  }

  @Test
  void activationCarriesItsDescriptors() throws Exception {
    try (Fd window = MemFd.create("window", 8192);
        EventFd kick = EventFd.create();
        EventFd call = EventFd.create()) {
      DeviceRequest.Activate sent =
          new DeviceRequest.Activate(
              1L << 32,
              8192,
              window,
              List.of(
                  new DeviceRequest.QueueSetup(2, 64, 0, 1024, 2048, 9, 8, kick.fd(), call.fd())));
      DeviceProtocol protocol = new DeviceProtocol();
      left.send(protocol.encodeRequest(new Protocol.Request<>(3, 100, sent)), soon());
      Protocol.Request<DeviceRequest> got = protocol.decodeRequest(right.receive(soon()));
      assertEquals(3, got.id());
      assertEquals(100, got.deadlineMillis());
      DeviceRequest.Activate activate = assertInstanceOf(DeviceRequest.Activate.class, got.body());
      DeviceRequest.QueueSetup queue = activate.queues().getFirst();
      assertEquals(9, queue.nextAvail());
      assertEquals(2048, queue.usedOffset());
      EventFd.own(queue.kick()).signal();
      assertEquals(1, kick.drain());
      assertEquals(8192, MemFd.sizeBytes(activate.window()));
      activate.window().close();
      queue.kick().close();
      queue.call().close();
    }
  }

  @Test
  void surplusDescriptorsAreRefusedAndClosed() throws Exception {
    try (EventFd event = EventFd.create()) {
      DeviceProtocol protocol = new DeviceProtocol();
      Frame run = protocol.encodeRequest(new Protocol.Request<>(1, 1, new DeviceRequest.Run()));
      left.send(new Frame(run.payload(), List.of(event.fd())), soon());
      Frame received = right.receive(soon());
      assertThrows(ProtocolException.class, () -> protocol.decodeRequest(received));
      assertTrue(received.fds().stream().noneMatch(Fd::isOpen));
    }
  }

  @Test
  void invalidFieldsAreRefused() throws Exception {
    DeviceProtocol protocol = new DeviceProtocol();
    byte[] config = new byte[257];
    assertThrows(IllegalArgumentException.class, () -> new DeviceReply.Info(2, 0, 1, 128, config));
    byte[] tooManyQueues =
        dev.basepoint.ipc.control.proto.DeviceAnswerFrame.newBuilder()
            .setId(1)
            .setInfo(
                dev.basepoint.ipc.control.proto.DeviceInfo.newBuilder()
                    .setVirtioDeviceId(2)
                    .setQueueCount(1000)
                    .setQueueSizeMax(128))
            .build()
            .toByteArray();
    ProtocolException refused =
        assertThrows(
            ProtocolException.class,
            () -> protocol.decodeAnswer(new Frame(tooManyQueues, List.of())));
    assertTrue(refused.getMessage().contains("1000 queues"), refused.getMessage());
  }

  @Test
  void oversizedAndForeignHeadersAreRefused() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(8);
      header.set(ValueLayout.JAVA_INT, 0, Frame.PAYLOAD_BYTES_MAX + 1);
      header.set(ValueLayout.JAVA_SHORT, 6, (short) ('B' | 'P' << 8));
      assertEquals(8, raw.send(header, 0, 8, List.of()));
      assertThrows(ProtocolException.class, () -> right.receive(soon()));
    }
  }

  @Test
  void damagedMessagesAreRefusedOrStillValid() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    DeviceProtocol device = new DeviceProtocol();
    SupervisionProtocol supervision = new SupervisionProtocol();
    byte[][] originals = {
      device
          .encodeRequest(new Protocol.Request<>(9, 1, new DeviceRequest.WriteConfig(4, config(8))))
          .payload(),
      device
          .encodeAnswer(
              new Protocol.Reply<>(9, new DeviceReply.Info(2, 1L << 32, 4, 256, config(60))))
          .payload(),
      supervision
          .encodeRequest(new Protocol.Request<>(9, 1, new SupervisionRequest.SetLink(true)))
          .payload(),
      supervision
          .encodeAnswer(new Protocol.Event<>(new SupervisionEvent.DeviceFailed("blk0", "gone")))
          .payload()
    };
    int valid = 0;
    int refused = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] payload = originals[i & 3].clone();
      for (int flips = random.nextInt(4); flips > 0; flips--) {
        payload[random.nextInt(payload.length)] = (byte) random.nextInt();
      }
      Frame frame = new Frame(payload, List.of());
      try {
        switch (i & 3) {
          case 0 -> device.decodeRequest(frame);
          case 1 -> device.decodeAnswer(frame);
          case 2 -> supervision.decodeRequest(frame);
          default -> supervision.decodeAnswer(frame);
        }
        valid++;
      } catch (ProtocolException expected) {
        refused++;
      }
    }
    assertTrue(valid > 10_000 && refused > 10_000, valid + "/" + refused + ", seed " + seed);
  }

  private static byte[] config(int byteCount) {
    return new byte[byteCount];
  }

  @Test
  void textsOfAPeerCannotSteerATerminal() throws Exception {
    String hostile = "a\u001b[2J\u009b2J\u202eb\u2028c\r\n" + "x".repeat(10_000);
    SupervisionProtocol protocol = new SupervisionProtocol();
    SupervisionReply.Group group = new SupervisionReply.Group(hostile, Map.of(hostile, 1L));
    List<Protocol.Answer<SupervisionReply, SupervisionEvent>> answers =
        List.of(
            new Protocol.Event<>(new SupervisionEvent.Warning(hostile)),
            new Protocol.Event<>(new SupervisionEvent.DeviceFailed(hostile, hostile)),
            new Protocol.Event<>(new SupervisionEvent.Milestone(hostile, 1)),
            new Protocol.Failure<>(1, RequestFailedException.Code.FAILED, hostile),
            new Protocol.Reply<>(1, new SupervisionReply.Hello(1, 0, hostile, 1)),
            new Protocol.Reply<>(1, new SupervisionReply.Counters(List.of(group))));
    for (Protocol.Answer<SupervisionReply, SupervisionEvent> answer : answers) {
      String shown = protocol.decodeAnswer(protocol.encodeAnswer(answer)).toString();
      assertTrue(shown.contains("a?[2J?2J?b?c??x"), shown);
      assertTrue(shown.chars().noneMatch(c -> Character.getType(c) == Character.CONTROL), shown);
      assertTrue(shown.length() < 1500, shown);
    }
  }

  @Test
  void everySupervisionMessageSurvivesTheWire() throws Exception {
    SupervisionProtocol protocol = new SupervisionProtocol();
    try (EventFd a = EventFd.create();
        EventFd b = EventFd.create()) {
      SupervisionRequest.ConfigureNet net =
          new SupervisionRequest.ConfigureNet(
              "net0",
              a.fd(),
              b.fd(),
              SupervisionRequest.NetBackend.STREAM,
              new byte[] {2, 0, 0, 0, 0, 1},
              1500,
              256,
              true,
              false);
      SupervisionRequest.ConfigureNet back =
          assertInstanceOf(
              SupervisionRequest.ConfigureNet.class,
              protocol
                  .decodeRequest(protocol.encodeRequest(new Protocol.Request<>(1, 1, net)))
                  .body());
      assertArrayEquals(net.mac(), back.mac());
      assertEquals(net.backend(), back.backend());
      assertEquals(net.mtuBytes(), back.mtuBytes());
      for (SupervisionRequest request :
          List.of(
              new SupervisionRequest.ConfigureBlk(
                  "disk0",
                  a.fd(),
                  b.fd(),
                  List.of(a.fd(), b.fd()),
                  true,
                  false,
                  "",
                  1,
                  64,
                  512,
                  true),
              new SupervisionRequest.PrepareClone(
                  "clone",
                  1L << 30,
                  8,
                  a.fd(),
                  b.fd(),
                  a.fd(),
                  b.fd(),
                  a.fd(),
                  List.of(
                      new SupervisionRequest.Attachment(
                          "disk0", SupervisionRequest.Kind.BLK, b.fd())),
                  true,
                  1000),
              new SupervisionRequest.RunClone(identity()),
              new SupervisionRequest.SaveVm(a.fd(), b.fd()),
              new SupervisionRequest.ReplaceServer("net0", b.fd()))) {
        Frame frame = protocol.encodeRequest(new Protocol.Request<>(1, 1, request));
        assertEquals(request, protocol.decodeRequest(frame).body());
      }
      SupervisionReply saved = new SupervisionReply.Saved(1L << 40, 70_000);
      assertEquals(
          new Protocol.Reply<SupervisionReply, SupervisionEvent>(3, saved),
          protocol.decodeAnswer(protocol.encodeAnswer(new Protocol.Reply<>(3, saved))));
      SupervisionRequest.ConfigureVm vm =
          new SupervisionRequest.ConfigureVm(
              "vm",
              1L << 30,
              2,
              "console=ttyS0",
              a.fd(),
              b.fd(),
              null,
              a.fd(),
              b.fd(),
              List.of(
                  new SupervisionRequest.Attachment("rng0", SupervisionRequest.Kind.RNG, a.fd())),
              identity(),
              true,
              500);
      assertEquals(
          vm,
          protocol.decodeRequest(protocol.encodeRequest(new Protocol.Request<>(1, 1, vm))).body());
      SupervisionRequest.EnterSandbox enter =
          new SupervisionRequest.EnterSandbox(new byte[] {1, 0, 7});
      assertArrayEquals(
          enter.order(),
          assertInstanceOf(
                  SupervisionRequest.EnterSandbox.class,
                  protocol
                      .decodeRequest(protocol.encodeRequest(new Protocol.Request<>(1, 1, enter)))
                      .body())
              .order());
      for (Fd listener : new Fd[] {a.fd(), null}) {
        Protocol.Answer<SupervisionReply, SupervisionEvent> sandboxed =
            new Protocol.Reply<>(2, new SupervisionReply.Sandboxed(listener));
        assertEquals(sandboxed, protocol.decodeAnswer(protocol.encodeAnswer(sandboxed)));
      }
      Frame withoutListener =
          new Frame(
              protocol
                  .encodeAnswer(new Protocol.Reply<>(2, new SupervisionReply.Sandboxed(a.fd())))
                  .payload(),
              List.of());
      assertThrows(ProtocolException.class, () -> protocol.decodeAnswer(withoutListener));
      SupervisionEvent.GuestStopped stopped =
          new SupervisionEvent.GuestStopped(SupervisionEvent.StopReason.TRIPLE_FAULT, "vCPU 1", 42);
      assertEquals(
          new Protocol.Event<SupervisionReply, SupervisionEvent>(stopped),
          protocol.decodeAnswer(protocol.encodeAnswer(new Protocol.Event<>(stopped))));
    }
  }
}
