package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.Protocol;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.virtqueue.PopResult;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A device server that somebody has taken over; it is honest but for one thing. */
final class HostileServer extends FakeServer {
  /** What it does. */
  enum Attack {
    USED_ID_OUT_OF_RANGE,
    USED_ID_NEGATIVE,
    USED_ID_NEVER_OFFERED,
    USED_TWICE,
    USED_LENGTH_BEYOND_OFFER,
    USED_LENGTH_HUGE,
    USED_INDEX_JUMP,
    USED_INDEX_BACK,
    CALL_STORM,
    EVENT_STORM,
    CONFIG_OF_OTHER_SIZE,
    CLAIMS_BROKEN,
    REPLY_NOBODY_ASKED_FOR,
    REPLY_TWICE,
    REPLY_OF_WRONG_TYPE,
    GARBAGE_BYTES,
    GARBAGE_PAYLOAD,
    OVERSIZED_MESSAGE,
    SURPLUS_DESCRIPTORS,
    SILENT_ON_ACTIVATE,
    SILENT_ON_RUN,
    SILENT_ON_PING,
    REFUSES_TO_ACTIVATE,
    COMPLETES_NOTHING,
    DIES_WITH_REQUESTS
  }

  private static final int STORM = 1_000_000;

  private final Attack attack;
  private final CountDownLatch end = new CountDownLatch(1);
  private long lastReplyId;

  HostileServer(Attack attack) throws IOException {
    super(FakeServer.blk(1));
    this.attack = attack;
  }

  @Override
  DeviceReply answer(DeviceRequest request) throws IOException {
    lastReplyId++;
    switch (request) {
      case DeviceRequest.Activate _ when attack == Attack.SILENT_ON_ACTIVATE -> fallSilent();
      case DeviceRequest.Activate _ when attack == Attack.REFUSES_TO_ACTIVATE ->
          throw new IOException("not today");
      case DeviceRequest.Run _ when attack == Attack.SILENT_ON_RUN -> fallSilent();
      case DeviceRequest.Run _ when attack == Attack.REPLY_OF_WRONG_TYPE -> {
        return new DeviceReply.Hello(1, 0);
      }
      case DeviceRequest.Ping _ when attack == Attack.SILENT_ON_PING -> fallSilent();
      default -> {}
    }
    return super.answer(request);
  }

  private void fallSilent() {
    try {
      end.await(120, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  void onKick(Queue queue) {
    // The first request is served truly, so that the attack meets a device at work.
    if (queue.device.inFlight() == 0 && !queue.device.hasPending()) {
      return;
    }
    if (seen.stream().noneMatch(DeviceRequest.Run.class::isInstance)) {
      return;
    }
    switch (attack) {
      case COMPLETES_NOTHING -> {}
      case SILENT_ON_PING -> super.onKick(queue);
      default -> attack(queue);
    }
  }

  private void attack(Queue queue) {
    if (queue.device.pop(queue.chain) != PopResult.CHAIN) {
      return;
    }
    int head = queue.chain.headId();
    int writable = Math.toIntExact(queue.chain.writableBytes());
    switch (attack) {
      case USED_ID_OUT_OF_RANGE -> use(queue, 256, 1);
      case USED_ID_NEGATIVE -> use(queue, -1, 1);
      case USED_ID_NEVER_OFFERED -> use(queue, head + 100, 1);
      case USED_TWICE -> {
        forgeUsed(queue, 0, head, writable);
        forgeUsed(queue, 1, head, writable);
        forgeUsedIndex(queue, 2);
      }
      case USED_LENGTH_BEYOND_OFFER -> use(queue, head, writable + 1);
      case USED_LENGTH_HUGE -> use(queue, head, -1);
      case USED_INDEX_JUMP -> forgeUsedIndex(queue, 300);
      case USED_INDEX_BACK -> forgeUsedIndex(queue, -1);
      case CALL_STORM -> storm(queue.call);
      case EVENT_STORM -> {
        for (int i = 0; i < STORM && channel.fd().isOpen() && loop.isRunning(); i++) {
          emit(new DeviceEvent.ConfigChanged(new byte[60]));
        }
      }
      case CONFIG_OF_OTHER_SIZE -> emit(new DeviceEvent.ConfigChanged(new byte[61]));
      case CLAIMS_BROKEN -> emit(new DeviceEvent.Broken("the rings \u0007 taste odd"));
      case REPLY_NOBODY_ASKED_FOR -> send(new Frame(donePayload(1_000_000), List.of()));
      case REPLY_TWICE -> send(new Frame(donePayload(lastReplyId), List.of()));
      case GARBAGE_BYTES -> sendRaw(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
      case GARBAGE_PAYLOAD -> send(new Frame(new byte[] {-1, -1, -1, -1}, List.of()));
      case OVERSIZED_MESSAGE -> sendRaw(new byte[] {-1, -1, -1, 0x7f, 0, 0, 'B', 'P'});
      case SURPLUS_DESCRIPTORS ->
          send(new Frame(donePayload(lastReplyId), List.of(queue.call.fd(), queue.kick.fd())));
      case DIES_WITH_REQUESTS -> loop.stop();
      default -> throw new IllegalStateException(attack + " is no matter of queues");
    }
  }

  private void use(Queue queue, int id, int length) {
    forgeUsed(queue, 0, id, length);
    forgeUsedIndex(queue, 1);
  }

  private void storm(EventFd call) {
    for (int i = 0; i < STORM && end.getCount() > 0; i++) {
      call.signal();
    }
  }

  /** A DeviceAnswerFrame with an id and DeviceDone, by hand. */
  private static byte[] donePayload(long id) {
    return new DeviceProtocol()
        .encodeAnswer(new Protocol.Reply<>(id, new DeviceReply.Done()))
        .payload();
  }

  private void send(Frame frame) {
    try {
      channel.send(frame, System.nanoTime() + TimeUnit.SECONDS.toNanos(30));
    } catch (IOException e) {
      loop.stop();
    }
  }

  private void sendRaw(byte[] bytes) {
    try (Arena arena = Arena.ofConfined()) {
      socket.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), 0, bytes.length, List.of());
    }
  }

  @Override
  void die() {
    end.countDown();
    super.die();
  }
}
