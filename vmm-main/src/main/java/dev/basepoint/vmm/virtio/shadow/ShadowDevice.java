package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The shadow virtqueues of one device, served on the I/O thread.
 *
 * <pre>
 *            start                 suspend
 *   STOPPED --------> RUNNING ------------------> SUSPENDED
 *      ^                 |   <------------------      |
 *      |                 |     resume (new window)    |
 *      +------ stop -----+--------- stop -------------+
 * </pre>
 *
 * While suspended, requests in flight are kept and new ones wait in the guest's rings. Independent
 * of that, the {@link Flow} says what may pass while the machine itself stands still. Once {@link
 * #stop} has returned, neither guest RAM nor the window is touched.
 *
 * <p>Everything happens under the device's lock. The I/O thread holds it for one bounded turn and
 * ends the turn early when a vCPU waits for it.
 */
public final class ShadowDevice implements EventLoop.Poller {
  /** Calls without a used chain that a server may make before it counts as flooding. */
  private static final int CALL_CREDIT_MAX = 4096;

  /** What a used chain earns: an honest server calls at most once for it. */
  private static final int CALL_CREDIT_PER_REQUEST = 4;

  /** Hears what the I/O thread finds; called there with the device's lock held. */
  public interface Listener {
    /** Tells the driver of used buffers. */
    void onUsedBuffers();

    /** The driver broke the rules; the device serves nothing any more until it is reset. */
    void onGuestFault(String what);

    /** The device server broke the rules; the device is suspended. */
    void onServerFault(String what);
  }

  private enum State {
    STOPPED,
    RUNNING,
    SUSPENDED
  }

  private final ReentrantLock lock;
  private final GuestMemory ram;
  private final DeviceProfile profile;
  private final ShadowCounters counters;
  private final Listener listener;
  private final ShadowQueue[] queues;
  private final int[] callCredit;

  private final Condition settled;

  private State state = State.STOPPED;
  private Flow flow = Flow.OPEN;
  private long completedAtLastCheck;
  private boolean busyAtLastCheck;

  /** Something was served since notifications were last asked for. I/O thread only. */
  private boolean awake;

  /**
   * @param lock the device's lock, which the caller shares
   */
  public ShadowDevice(
      ReentrantLock lock,
      GuestMemory ram,
      DeviceProfile profile,
      int queueCount,
      ShadowCounters counters,
      Listener listener) {
    this.lock = lock;
    this.ram = ram;
    this.profile = profile;
    this.counters = counters;
    this.listener = listener;
    queues = new ShadowQueue[queueCount];
    callCredit = new int[queueCount];
    settled = lock.newCondition();
  }

  /**
   * Sets the queues up in {@code window}, one ring for each of the driver's; the caller holds the
   * lock and calls {@link #run} once the server is ready.
   *
   * @param features of the shadow rings
   * @param kicks to the device server, by queue index
   * @param saved where the queues of a saved machine stood, checked; empty if all start afresh
   */
  public void start(
      DriverSetup setup, Window window, long features, EventFd[] kicks, List<SavedQueue> saved) {
    stop();
    for (int ordinal = 0; ordinal < setup.queues().size(); ordinal++) {
      DriverSetup.Queue queue = setup.queues().get(ordinal);
      SavedQueue start = savedOf(saved, queue.index());
      queues[queue.index()] =
          new ShadowQueue(
              queue.index(),
              openGuest(
                  queue, setup.features(), window.rings(ordinal).queueSize(), start.position()),
              ram,
              lock,
              counters,
              listener::onUsedBuffers,
              profile,
              window,
              ordinal,
              features,
              kicks[queue.index()]);
    }
    state = State.SUSPENDED;
    for (SavedQueue queue : saved) {
      if (!reissue(queue)) {
        return;
      }
    }
  }

  private static SavedQueue savedOf(List<SavedQueue> saved, int index) {
    return saved.stream()
        .filter(queue -> queue.index() == index)
        .findFirst()
        .orElse(SavedQueue.unused(index));
  }

  private boolean reissue(SavedQueue saved) {
    ShadowQueue queue = queues[saved.index()];
    if (queue.reissue(saved.heads())) {
      return true;
    }
    stop();
    listener.onGuestFault("queue " + saved.index() + ": " + queue.guestFault());
    return false;
  }

  private DeviceQueue openGuest(
      DriverSetup.Queue queue, long features, int shadowSize, QueuePosition position) {
    QueueLimits limits = new QueueLimits(shadowSize, profile.chainBytesMax());
    return switch (DeviceQueue.open(ram, queue.addresses(), features, limits, position)) {
      case DeviceQueue.Opened(DeviceQueue opened) -> opened;
      case DeviceQueue.Refused refused ->
          throw new IllegalStateException("the transport let through " + refused);
    };
  }

  /** Serves from now on; the caller holds the lock and then wakes the I/O thread. */
  public void run() {
    Arrays.fill(callCredit, CALL_CREDIT_MAX);
    state = State.RUNNING;
  }

  /** Says what may pass from now on; the caller holds the lock, and serves all if more may. */
  public void setFlow(Flow wanted) {
    flow = wanted;
    busyAtLastCheck = false;
  }

  /**
   * Waits until nothing is in flight that always ends; the caller holds the lock and has set the
   * flow to {@link Flow#SETTLING}.
   *
   * @throws IOException if that takes too long, or nobody serves the device at present
   */
  public void awaitSettled(long deadlineNanos) throws IOException {
    while (state != State.STOPPED && !isSettled()) {
      if (state == State.SUSPENDED) {
        throw new IOException("its server has failed and it waits for another one");
      }
      try {
        if (settled.awaitNanos(deadlineNanos - System.nanoTime()) <= 0 && !isSettled()) {
          throw new IOException("its server does not complete the requests in flight");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while its requests were settling", e);
      }
    }
  }

  private boolean isSettled() {
    for (ShadowQueue queue : queues) {
      if (queue != null && !queue.isSettled()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Where the queues stand, by index; the caller holds the lock, and the flow is {@link
   * Flow#FROZEN}.
   */
  public List<SavedQueue> savedQueues() {
    return Arrays.stream(queues).filter(Objects::nonNull).map(ShadowQueue::state).toList();
  }

  /** Keeps everything and serves nothing; the caller holds the lock. */
  public void suspend() {
    if (state == State.RUNNING) {
      state = State.SUSPENDED;
      settled.signalAll();
    }
  }

  /**
   * Moves a suspended device to another server's window, in which all requests in flight are issued
   * again; the caller holds the lock and calls {@link #run} once the server is ready.
   *
   * @param indexes of the queues that have rings in {@code window}, in their order
   */
  public void reattach(Window window, List<Integer> indexes, EventFd[] kicks) {
    for (int ordinal = 0; ordinal < indexes.size(); ordinal++) {
      int index = indexes.get(ordinal);
      if (queues[index] != null) {
        queues[index].reattach(window, ordinal, kicks[index]);
      }
    }
  }

  /** Forgets every queue and request; the caller holds the lock. */
  public void stop() {
    Arrays.fill(queues, null);
    state = State.STOPPED;
    settled.signalAll();
  }

  /** Forgets one queue and its requests; the caller holds the lock. */
  public void stopQueue(int index) {
    queues[index] = null;
  }

  /**
   * Whether the server has had requests since the last call and has completed none; always false
   * for devices whose requests wait for the outside world. The caller holds the lock.
   */
  public boolean hasStalled() {
    boolean busy = false;
    for (ShadowQueue queue : queues) {
      busy |= queue != null && queue.inFlight() > 0;
    }
    busy &= profile.everyRequestEnds() && state == State.RUNNING && flow != Flow.FROZEN;
    boolean stalled = busy && busyAtLastCheck && counters.requests == completedAtLastCheck;
    busyAtLastCheck = busy;
    completedAtLastCheck = counters.requests;
    return stalled;
  }

  /** Looks at every queue without having been told; on the I/O thread. */
  public void serveAll() {
    lock.lock();
    try {
      for (int i = 0; i < queues.length; i++) {
        serve(i);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The guest has kicked a queue; on the I/O thread. */
  public void onKick(int index) {
    lock.lock();
    try {
      counters.kicks++;
      serve(index);
    } finally {
      lock.unlock();
    }
  }

  /** The device server has called for a queue; on the I/O thread. */
  public void onCall(int index) {
    lock.lock();
    try {
      counters.calls++;
      long before = counters.requests;
      serve(index);
      if (flow == Flow.OPEN) {
        earnCalls(index, counters.requests - before);
      }
    } finally {
      lock.unlock();
    }
  }

  private void earnCalls(int index, long completed) {
    long credit = callCredit[index] - 1L + completed * CALL_CREDIT_PER_REQUEST;
    callCredit[index] = (int) Math.min(credit, CALL_CREDIT_MAX);
    if (credit < 0 && state == State.RUNNING) {
      fail("calls for queue " + index + " without completing anything");
    }
  }

  private boolean serve(int index) {
    ShadowQueue queue = queues[index];
    if (state != State.RUNNING || queue == null) {
      return false;
    }
    awake = true;
    switch (serve(queue)) {
      case IDLE -> {
        return false;
      }
      case WORKED -> {
        return true;
      }
      case GUEST_FAULT -> {
        stop();
        listener.onGuestFault("queue " + index + ": " + queue.guestFault());
      }
      case SERVER_FAULT -> fail("broke queue " + index + ": " + queue.serverFault());
    }
    return true;
  }

  private ShadowQueue.Turn serve(ShadowQueue queue) {
    ShadowQueue.Turn turn = queue.serve(flow);
    if (flow == Flow.SETTLING && queue.isSettled()) {
      settled.signalAll();
    }
    return turn;
  }

  private void fail(String what) {
    state = State.SUSPENDED;
    settled.signalAll();
    listener.onServerFault(what);
  }

  @Override
  public boolean poll() {
    if (!awake) {
      return false;
    }
    boolean worked = false;
    lock.lock();
    try {
      for (ShadowQueue queue : queues) {
        if (queue != null && state == State.RUNNING && queue.hasWork(flow)) {
          worked |= serve(queue.index());
        }
      }
    } finally {
      lock.unlock();
    }
    return worked;
  }

  @Override
  public boolean beforeSleep() {
    if (!awake) {
      return false;
    }
    boolean work = false;
    lock.lock();
    try {
      for (ShadowQueue queue : queues) {
        work |= queue != null && state == State.RUNNING && queue.enableNotifications(flow);
      }
      awake = work;
    } finally {
      lock.unlock();
    }
    return work;
  }
}
