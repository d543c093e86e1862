package dev.basepoint.tests.hostile;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Protocol;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.ProcessExit;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** Stands between vmm-main and an honest device, and carries out one attack. */
final class HostileDevice {
  /** Longer than vmm-main waits for an answer. */
  private static final long TOO_LATE_NANOS = TimeUnit.SECONDS.toNanos(6);

  private static final int FLOOD = 5_000_000;
  private static final int STRANGE_ID = 1_000_000;

  private final DeviceProtocol protocol = new DeviceProtocol();
  private final DeviceAttack attack;
  private final UnixSocket socket;
  private final FrameChannel vmm;
  private final FrameChannel device;
  private final Consumer<String> announce;
  private final Map<Long, DeviceRequest> asked = new ConcurrentHashMap<>();
  private final EventLoop loop;
  private boolean announced;
  private volatile byte[] config;

  HostileDevice(DeviceAttack attack, UnixSocket vmm, UnixSocket device, Consumer<String> announce)
      throws IOException {
    this.attack = attack;
    this.socket = vmm;
    this.vmm = new FrameChannel(vmm, "vmm-main");
    this.device = new FrameChannel(device, "device");
    this.announce = announce;
    loop = new EventLoop();
  }

  void start() {
    FramePump.start(vmm, device, this::onRequest);
    FramePump.start(device, vmm, this::onAnswer);
    Thread.ofPlatform().name("window-tap").daemon().start(this::serveTaps);
  }

  private void serveTaps() {
    try {
      loop.run();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private void onRequest(Frame frame) throws IOException {
    Protocol.Request<DeviceRequest> request = protocol.decodeRequest(frame);
    asked.put(request.id(), request.body());
    DeviceRequest body = request.body();
    if (body instanceof DeviceRequest.Activate activate) {
      body = new WindowTap(attack, activate, loop, this::attackChannel, this::announce).tapped();
    }
    // What the taps hold stays open: the descriptors are not discarded.
    device.send(
        protocol.encodeRequest(
            new Protocol.Request<>(request.id(), request.deadlineMillis(), body)),
        Long.MAX_VALUE);
  }

  private void onAnswer(Frame frame) throws IOException {
    Protocol.Answer<DeviceReply, DeviceEvent> answer = protocol.decodeAnswer(frame);
    if (answer instanceof Protocol.Reply<DeviceReply, DeviceEvent>(long id, DeviceReply body)) {
      reply(asked.remove(id), id, body);
    } else {
      vmm.send(protocol.encodeAnswer(answer), Long.MAX_VALUE);
    }
  }

  private void reply(DeviceRequest request, long id, DeviceReply body) throws IOException {
    if (body instanceof DeviceReply.Info info) {
      config = info.config();
    }
    DeviceReply said = body;
    long toId = id;
    boolean twice = false;
    switch (request) {
      case DeviceRequest.Describe _ when attack == DeviceAttack.SILENT_ON_DESCRIBE -> {
        announce();
        return;
      }
      case DeviceRequest.Activate _ when attack == DeviceAttack.SILENT_ON_ACTIVATE -> {
        announce();
        return;
      }
      case DeviceRequest.Activate _ when attack == DeviceAttack.REPLY_OUT_OF_ORDER -> {
        announce();
        toId = id + 1;
      }
      case DeviceRequest.Run _ when attack == DeviceAttack.SILENT_ON_RUN -> {
        announce();
        return;
      }
      case DeviceRequest.Run _ when attack == DeviceAttack.REPLY_OF_WRONG_TYPE -> {
        announce();
        said = new DeviceReply.Hello(DeviceProtocol.VERSION, 0);
      }
      case DeviceRequest.Run _ when attack == DeviceAttack.REPLY_TWICE -> {
        announce();
        twice = true;
      }
      case DeviceRequest.Ping _ when attack == DeviceAttack.SILENT_ON_PING -> {
        announce();
        return;
      }
      case DeviceRequest.Ping _ when attack == DeviceAttack.LATE_ON_PING -> {
        announce();
        LockSupport.parkNanos(TOO_LATE_NANOS);
      }
      default -> {}
    }
    send(new Protocol.Reply<>(toId, said));
    if (twice) {
      send(new Protocol.Reply<>(toId, said));
    }
  }

  /** Attacks on the channel, made while vmm-main waits for a request of the guest. */
  private void attackChannel() {
    try {
      switch (attack) {
        case EVENT_FLOOD -> flood(new Protocol.Event<>(new DeviceEvent.ConfigChanged(config)));
        case REPLY_FLOOD -> flood(new Protocol.Reply<>(0, new DeviceReply.Done()));
        case CONFIG_OF_OTHER_SIZE ->
            send(new Protocol.Event<>(new DeviceEvent.ConfigChanged(new byte[200])));
        case CLAIMS_BROKEN ->
            send(new Protocol.Event<>(new DeviceEvent.Broken("the rings \u001b[2J taste odd")));
        case REPLY_NOBODY_ASKED_FOR ->
            send(new Protocol.Reply<>(STRANGE_ID, new DeviceReply.Done()));
        case UNKNOWN_MESSAGE -> send(new byte[] {(byte) 0xfa, 0x3e, 0}, List.of()); // Field 1007.
        case GARBAGE_BYTES -> sendRaw(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, List.of());
        case GARBAGE_PAYLOAD -> send(new byte[] {-1, -1, -1, -1}, List.of());
        case OVERSIZED_MESSAGE -> sendRaw(header(0x7fff_ffff, 0), List.of());
        case SURPLUS_DESCRIPTORS -> send(done(), List.of(socket.fd(), socket.fd()));
        case UNANNOUNCED_DESCRIPTORS -> sendRaw(header(4, 0), List.of(socket.fd()));
        case CLOSES_CHANNEL -> vmm.shutdown();
        case DIES -> ProcessExit.now(3);
        default -> throw new IllegalStateException(attack + " is no matter of the channel");
      }
    } catch (IOException e) {
      // vmm-main has had enough.
    }
  }

  private void flood(Protocol.Answer<DeviceReply, DeviceEvent> answer) throws IOException {
    for (int i = 0; i < FLOOD; i++) {
      send(answer);
    }
  }

  private byte[] done() {
    return protocol
        .encodeAnswer(new Protocol.Reply<>(STRANGE_ID, new DeviceReply.Done()))
        .payload();
  }

  private void send(Protocol.Answer<DeviceReply, DeviceEvent> answer) throws IOException {
    vmm.send(protocol.encodeAnswer(answer), Long.MAX_VALUE);
  }

  private void send(byte[] payload, List<Fd> fds) throws IOException {
    vmm.send(new Frame(payload, fds), Long.MAX_VALUE);
  }

  private static byte[] header(int payloadBytes, int descriptors) {
    return new byte[] {
      (byte) payloadBytes,
      (byte) (payloadBytes >> 8),
      (byte) (payloadBytes >> 16),
      (byte) (payloadBytes >> 24),
      (byte) descriptors,
      (byte) (descriptors >> 8),
      'B',
      'P'
    };
  }

  private void sendRaw(byte[] bytes, List<Fd> fds) {
    try (Arena arena = Arena.ofConfined()) {
      socket.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), 0, bytes.length, fds);
    }
  }

  private void announce() {
    announce("begins");
  }

  private synchronized void announce(String what) {
    if (!announced) {
      announced = true;
      announce.accept("attack " + attack + ": " + what);
    }
  }
}
