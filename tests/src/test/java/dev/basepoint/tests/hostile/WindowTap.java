package dev.basepoint.tests.hostile;

import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.loop.EventLoop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One activation's window and eventfds, seen by somebody who sits between vmm-main and the device:
 * kicks and calls pass through here, and a kick that finds a request in flight may set the attack
 * off. The device then does not hear of that request.
 */
final class WindowTap {
  /** Requests that are served truly first. */
  private static final int HONEST_REQUESTS = 3;

  private static final int STORM = 20_000_000;
  private static final long SCRIBBLING_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final int DESC_F_NEXT = 1;
  private static final int DESC_F_WRITE = 2;
  private static final int DESC_BYTES = 16;

  /** A queue of the window; offsets as in {@link DeviceRequest.QueueSetup}. */
  private record Queue(
      DeviceRequest.QueueSetup setup,
      EventFd kick,
      EventFd call,
      EventFd deviceKick,
      EventFd deviceCall) {}

  private final DeviceAttack attack;
  private final DeviceRequest.Activate activate;
  private final Mapping window;
  private final Runnable channelAttack;
  private final Consumer<String> announce;
  private final List<Queue> queues = new ArrayList<>();
  private boolean attacked;

  WindowTap(
      DeviceAttack attack,
      DeviceRequest.Activate activate,
      EventLoop loop,
      Runnable channelAttack,
      Consumer<String> announce)
      throws IOException {
    this.attack = attack;
    this.activate = activate;
    this.channelAttack = channelAttack;
    this.announce = announce;
    window = Mapping.shared(activate.window(), 0, activate.windowBytes(), true);
    for (DeviceRequest.QueueSetup setup : activate.queues()) {
      queues.add(
          new Queue(
              setup,
              EventFd.own(setup.kick()),
              EventFd.own(setup.call()),
              EventFd.create(),
              EventFd.create()));
    }
    loop.execute(() -> queues.forEach(queue -> watch(loop, queue)));
  }

  private void watch(EventLoop loop, Queue queue) {
    try {
      loop.watch(
          queue.kick.fd(),
          Epoll.EPOLLIN,
          _ -> {
            queue.kick.drain();
            onKick(queue);
          });
      loop.watch(
          queue.deviceCall.fd(),
          Epoll.EPOLLIN,
          _ -> {
            queue.deviceCall.drain();
            queue.call.signal();
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The activation as the device gets it, with eventfds that lead here. */
  DeviceRequest.Activate tapped() {
    List<DeviceRequest.QueueSetup> setups = new ArrayList<>();
    for (Queue queue : queues) {
      DeviceRequest.QueueSetup given = queue.setup;
      setups.add(
          new DeviceRequest.QueueSetup(
              given.index(),
              given.size(),
              given.descOffset(),
              given.availOffset(),
              given.usedOffset(),
              given.nextAvail(),
              given.nextUsed(),
              queue.deviceKick.fd(),
              queue.deviceCall.fd()));
    }
    return new DeviceRequest.Activate(
        activate.features(), activate.windowBytes(), activate.window(), setups);
  }

  private void onKick(Queue queue) {
    boolean inFlight = availIndex(queue) != usedIndex(queue);
    if (!attacked && inFlight && availIndex(queue) >= HONEST_REQUESTS) {
      attacked = true;
      if (!attack(queue)) {
        return;
      }
    }
    queue.deviceKick.signal();
  }

  /** Attacks; returns whether the device is to serve on. */
  private boolean attack(Queue queue) {
    int head = short16(queue.setup.availOffset() + 4 + 2L * slot(queue, availIndex(queue) - 1));
    int offered = writableBytes(queue, head);
    switch (attack) {
      case REPLY_TWICE,
          REPLY_OF_WRONG_TYPE,
          REPLY_OUT_OF_ORDER,
          SILENT_ON_ACTIVATE,
          SILENT_ON_RUN,
          SILENT_ON_PING,
          LATE_ON_PING,
          SILENT_ON_DESCRIBE -> {
        return true; // Not a matter of queues.
      }
      case TRUNCATES_WINDOW -> {
        announce.accept(truncate());
        return true;
      }
      default -> announce.accept("begins");
    }
    switch (attack) {
      case USED_ID_NEVER_OFFERED -> use(queue, (head + 100) % queue.setup.size(), 1);
      case USED_ID_OUT_OF_RANGE -> use(queue, queue.setup.size(), 1);
      case USED_TWICE -> {
        forgeUsed(queue, 0, head, offered);
        forgeUsed(queue, 1, head, offered);
        advance(queue, 2);
      }
      case USED_LENGTH_BEYOND_OFFER -> use(queue, head, offered + 1);
      case USED_LENGTH_HUGE -> use(queue, head, -1);
      case USED_INDEX_FORWARD -> advance(queue, 300);
      case USED_INDEX_HUGE -> advance(queue, 0x8000);
      case USED_INDEX_BACKWARD -> advance(queue, -1);
      case CALL_STORM -> inBackground(() -> storm(queue));
      case SCRIBBLES_RINGS -> {
        inBackground(() -> scribble(0, slotsOffset(), queue));
        return true;
      }
      case SCRIBBLES_DATA -> {
        inBackground(() -> scribble(slotsOffset(), activate.windowBytes(), queue));
        return true;
      }
      case UNBLOCKS_EVENTFDS -> unblock(queue);
      case COMPLETES_NOTHING -> attacked = false; // Nor any later one.
      default -> inBackground(channelAttack);
    }
    return false;
  }

  private static void inBackground(Runnable task) {
    Thread.ofPlatform().name("attack").daemon().start(task);
  }

  private void storm(Queue queue) {
    for (int i = 0; i < STORM; i++) {
      queue.call.signal();
    }
  }

  /** Writes over a part of the window while vmm-main reads it. */
  private void scribble(long from, long to, Queue queue) {
    SplittableRandom random = new SplittableRandom(from);
    long deadline = System.nanoTime() + SCRIBBLING_NANOS;
    MemorySegment target = window.segment();
    while (System.nanoTime() < deadline) {
      for (int i = 0; i < 1000; i++) {
        target.set(
            ValueLayout.JAVA_LONG_UNALIGNED, random.nextLong(from, to - 8), random.nextLong());
      }
      queue.call.signal();
    }
  }

  /** Where the rings end. */
  private long slotsOffset() {
    long end = 0;
    for (Queue queue : queues) {
      end = Math.max(end, queue.setup.usedOffset() + 6 + 8L * queue.setup.size());
    }
    return end;
  }

  /** Tries to take the window away under vmm-main's feet; returns what came of it. */
  private String truncate() {
    Fd memfd = activate.window();
    try {
      MemFd.resize(memfd, 0);
      return "the window is gone";
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  /** Tries to hang vmm-main in an eventfd that it shares with us. */
  private void unblock(Queue queue) {
    try {
      queue.kick.fd().setNonBlocking(false);
      announce.accept("the eventfd blocks now");
    } catch (IOException e) {
      announce.accept(e.getMessage());
    }
  }

  private int writableBytes(Queue queue, int head) {
    long bytes = 0;
    int index = head;
    for (int i = 0; i < queue.setup.size(); i++) {
      long descriptor = queue.setup.descOffset() + (long) DESC_BYTES * index;
      int flags = short16(descriptor + 12);
      if ((flags & DESC_F_WRITE) != 0) {
        bytes += window.segment().get(ValueLayout.JAVA_INT_UNALIGNED, descriptor + 8);
      }
      if ((flags & DESC_F_NEXT) == 0) {
        break;
      }
      index = short16(descriptor + 14);
    }
    return Math.toIntExact(bytes);
  }

  private void use(Queue queue, int id, int length) {
    forgeUsed(queue, 0, id, length);
    advance(queue, 1);
  }

  /** Writes the used entry that comes {@code ahead} of the next one. */
  private void forgeUsed(Queue queue, int ahead, int id, int length) {
    long entry = queue.setup.usedOffset() + 4 + 8L * slot(queue, usedIndex(queue) + ahead);
    window.segment().set(ValueLayout.JAVA_INT_UNALIGNED, entry, id);
    window.segment().set(ValueLayout.JAVA_INT_UNALIGNED, entry + 4, length);
  }

  private void advance(Queue queue, int entries) {
    int index = usedIndex(queue) + entries;
    window
        .segment()
        .set(ValueLayout.JAVA_SHORT_UNALIGNED, queue.setup.usedOffset() + 2, (short) index);
    queue.call.signal();
  }

  private int availIndex(Queue queue) {
    return short16(queue.setup.availOffset() + 2);
  }

  private int usedIndex(Queue queue) {
    return short16(queue.setup.usedOffset() + 2);
  }

  private static int slot(Queue queue, int index) {
    return index & (queue.setup.size() - 1);
  }

  private int short16(long offset) {
    return Short.toUnsignedInt(window.segment().get(ValueLayout.JAVA_SHORT_UNALIGNED, offset));
  }
}
