package dev.basepoint.vmm.virtio;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceLifecycle;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Responder;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A device server in a thread of the test. As it stands it is honest: an echo device that answers
 * with the readable bytes, each xor 0x5a and repeated as often as there is room, and a last byte 0.
 * Hostile ones override what they lie about.
 */
class FakeServer implements AutoCloseable {
  static final int ECHO_MASK = 0x5a;

  /** A queue as this server sees it. */
  static final class Queue {
    final int index;
    final RingAddresses rings;
    final DeviceQueue device;
    final DescriptorChain chain;
    final EventFd kick;
    final EventFd call;
    EventLoop.Registration registration;

    private Queue(DeviceRequest.QueueSetup setup, RingAddresses rings, DeviceQueue device)
        throws ErrnoException {
      this.index = setup.index();
      this.rings = rings;
      this.device = device;
      this.chain = device.newChain();
      this.kick = EventFd.own(setup.kick());
      this.call = EventFd.own(setup.call());
    }
  }

  final EventLoop loop;
  final FrameChannel channel;
  final UnixSocket socket;
  final List<Queue> queues = new ArrayList<>();
  final List<DeviceRequest> seen = new CopyOnWriteArrayList<>();
  volatile Throwable failure;
  Mapping window;
  long acceptedFeatures;

  final DeviceReply.Info info;
  private final Fd vmmEnd;
  private final Responder<DeviceRequest, DeviceReply, DeviceEvent> responder;
  private final DeviceLifecycle lifecycle = new DeviceLifecycle();
  private final Thread thread;
  private boolean running;

  FakeServer(DeviceReply.Info info) throws IOException {
    this.info = info;
    UnixSocket[] pair = UnixSocket.pair();
    vmmEnd = pair[0].fd();
    socket = pair[1];
    channel = new FrameChannel(socket, "vmm-main");
    responder = new Responder<>(channel, new DeviceProtocol(), this::handle);
    loop = new EventLoop();
    loop.watch(channel.fd(), Epoll.EPOLLIN, _ -> serveChannel());
    thread = Thread.ofPlatform().name("fake-server").daemon().unstarted(this::run);
  }

  /** A block-like device with an honest description. */
  static DeviceReply.Info blk(int queueCount) {
    return new DeviceReply.Info(
        2, TestGuest.VERSION_1 | TestGuest.EVENT_IDX | 1L << 11, queueCount, 256, new byte[60]);
  }

  /** An entropy-like device with an honest description. */
  static DeviceReply.Info rng() {
    return new DeviceReply.Info(4, TestGuest.VERSION_1 | TestGuest.EVENT_IDX, 1, 256, new byte[0]);
  }

  /** A network-like device with an honest description and this last byte of its MAC. */
  static DeviceReply.Info net(int mac) {
    byte[] config = {2, 0, 0, 0, 0, (byte) mac, 1, 0, 0, 0, (byte) 220, 5};
    return new DeviceReply.Info(
        1, TestGuest.VERSION_1 | TestGuest.EVENT_IDX | 1L << 5 | 1L << 16, 2, 256, config);
  }

  /** vmm-main's end of the device channel; the caller's. */
  Fd channelForVmm() {
    return vmmEnd;
  }

  FakeServer start() {
    thread.start();
    return this;
  }

  private void run() {
    try {
      loop.run();
    } catch (ErrnoException | RuntimeException | Error e) {
      failure = e;
    } finally {
      deactivate();
      responder.close();
    }
  }

  private void serveChannel() {
    try {
      responder.serveReady();
    } catch (IOException e) {
      loop.stop();
    }
  }

  /** Reports an event. */
  final void emit(DeviceEvent event) {
    try {
      responder.emit(event);
    } catch (IOException e) {
      loop.stop();
    }
  }

  private DeviceReply handle(DeviceRequest request) throws IOException {
    lifecycle.require(request);
    seen.add(request);
    DeviceReply reply = answer(request);
    lifecycle.done(request);
    return reply;
  }

  DeviceReply answer(DeviceRequest request) throws IOException {
    switch (request) {
      case DeviceRequest.Hello _ -> {
        return new DeviceReply.Hello(DeviceProtocol.VERSION, 0);
      }
      case DeviceRequest.Describe _ -> {
        return info;
      }
      case DeviceRequest.Activate activate -> activate(activate);
      case DeviceRequest.Run _ -> {
        running = true;
        for (Queue queue : queues) {
          onKick(queue);
        }
      }
      case DeviceRequest.Halt _ -> deactivate();
      case DeviceRequest.Drain _ -> throw new IOException("nobody drains in these tests");
      case DeviceRequest.WriteConfig _, DeviceRequest.Ping _ -> {}
    }
    return new DeviceReply.Done();
  }

  private void activate(DeviceRequest.Activate activate) throws IOException {
    MemFd.requireSeals(activate.window(), MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
    acceptedFeatures = activate.features();
    window = Mapping.shared(activate.window(), 0, activate.windowBytes(), true);
    activate.window().close();
    GuestMemory memory = GuestMemory.ofWindow(window.segment());
    for (DeviceRequest.QueueSetup setup : activate.queues()) {
      RingAddresses rings =
          new RingAddresses(
              setup.size(), setup.descOffset(), setup.availOffset(), setup.usedOffset());
      DeviceQueue.Opening opening =
          DeviceQueue.open(
              memory,
              rings,
              activate.features(),
              QueueLimits.ofSpecification(setup.size()),
              QueuePosition.START);
      if (!(opening instanceof DeviceQueue.Opened(DeviceQueue device))) {
        throw new IOException("window refused: " + opening);
      }
      Queue queue = new Queue(setup, rings, device);
      queues.add(queue);
      queue.registration =
          loop.watch(
              queue.kick.fd(),
              Epoll.EPOLLIN,
              _ -> {
                queue.kick.drain();
                onKick(queue);
              });
    }
  }

  private void deactivate() {
    running = false;
    for (Queue queue : queues) {
      queue.registration.cancel();
      queue.kick.close();
      queue.call.close();
    }
    queues.clear();
    if (window != null) {
      window.close();
      window = null;
    }
  }

  /** Serves a queue; honest unless overridden. */
  void onKick(Queue queue) {
    if (!running) {
      return;
    }
    do {
      while (queue.device.pop(queue.chain) == PopResult.CHAIN) {
        queue.device.push(queue.chain.headId(), serve(queue.chain));
      }
      if (queue.device.publish()) {
        queue.call.signal();
      }
    } while (queue.device.enableKicks());
  }

  /** Serves one request; returns how much it wrote. */
  long serve(DescriptorChain chain) {
    return echo(chain);
  }

  /** Writes the answer to {@code chain}; returns its length. */
  static long echo(DescriptorChain chain) {
    if (chain.writableBytes() == 0) {
      return 0;
    }
    byte[] question = new byte[Math.toIntExact(chain.readableBytes())];
    chain.copyFromReadable(0, MemorySegment.ofArray(question), 0, question.length);
    byte[] answer = answerTo(question, Math.toIntExact(chain.writableBytes()));
    chain.copyToWritable(0, MemorySegment.ofArray(answer), 0, answer.length);
    return answer.length;
  }

  /** What an honest server answers, for comparison. */
  static byte[] answerTo(byte[] question, int answerBytes) {
    byte[] answer = new byte[answerBytes];
    for (int i = 0; i < answerBytes - 1 && question.length > 0; i++) {
      answer[i] = (byte) (question[i % question.length] ^ ECHO_MASK);
    }
    return answer;
  }

  /** Writes any used entry, without the rules that DeviceQueue keeps. */
  final void forgeUsed(Queue queue, int usedIdx, int id, int length) {
    long entry = queue.rings.usedGpa() + 4 + 8L * (usedIdx & (queue.rings.queueSize() - 1));
    window.segment().set(ValueLayout.JAVA_INT_UNALIGNED, entry, id);
    window.segment().set(ValueLayout.JAVA_INT_UNALIGNED, entry + 4, length);
  }

  final void forgeUsedIndex(Queue queue, int usedIdx) {
    window
        .segment()
        .set(ValueLayout.JAVA_SHORT_UNALIGNED, queue.rings.usedGpa() + 2, (short) usedIdx);
    queue.call.signal();
  }

  /** Dies as a process would: its channel ends, and its eventfds and window are gone. */
  void die() {
    loop.execute(loop::stop);
    try {
      thread.join(30_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    if (thread.isAlive()) {
      die();
    }
    loop.close();
  }
}
