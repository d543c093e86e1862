package dev.basepoint.ipc.server;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.vhostuser.InflightQueue;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.QueuePosition;

/**
 * One virtqueue as a device sees it: the ring, its call eventfd and the rules of the frame.
 *
 * <p>Belongs to the queue thread, like everything of a device; nothing here takes a lock or
 * allocates.
 */
public final class QueuePort {
  /** The frame behind a port. */
  interface Owner {
    /** The ring cannot be trusted any more. */
    void onBroken(QueuePort port, PopResult fault);

    /** Chains were completed or put back. */
    void onSettled();

    /** The device can go on with a queue that was blocked. */
    void serve(QueuePort port);
  }

  private final int index;
  private final DeviceQueue queue;
  private final EventFd kick;
  private final Counter badChains;
  private final Owner owner;

  /** Chains in flight when the queue was opened, which are served again first. */
  private final int[] reopened;

  /** Null unless somebody else keeps track of what is in flight. */
  private final InflightQueue inflight;

  /** Null if the driver wants no calls. */
  private EventFd call;

  private int reopenedTaken;
  private boolean open;
  private boolean blocked;

  QueuePort(
      int index, DeviceQueue queue, EventFd kick, EventFd call, Counter badChains, Owner owner) {
    this(index, queue, kick, call, badChains, owner, new int[0], null);
  }

  QueuePort(
      int index,
      DeviceQueue queue,
      EventFd kick,
      EventFd call,
      Counter badChains,
      Owner owner,
      int[] reopened,
      InflightQueue inflight) {
    this.index = index;
    this.queue = queue;
    this.kick = kick;
    this.call = call;
    this.badChains = badChains;
    this.owner = owner;
    this.reopened = reopened;
    this.inflight = inflight;
  }

  /** Which of the device's virtqueues this is. */
  public int index() {
    return index;
  }

  /** The number of descriptors. */
  public int size() {
    return queue.queueSize();
  }

  /** A chain object for {@link #pop}; one per request that is in flight at the same time. */
  public DescriptorChain newChain() {
    return queue.newChain();
  }

  /**
   * Takes the next well-formed chain. Malformed ones are returned to the driver with length 0 and
   * counted as errors; a ring that makes no sense ends the activation's service.
   *
   * @return false if there is none, or if the device is being drained or halted
   */
  public boolean pop(DescriptorChain chain) {
    while (open) {
      PopResult result = take(chain);
      if (result == PopResult.EMPTY) {
        return false;
      }
      if (result.isRingFault()) {
        owner.onBroken(this, result);
        return false;
      }
      if (inflight != null) {
        inflight.taken(chain.headId());
      }
      if (result == PopResult.CHAIN) {
        return true;
      }
      badChains.increment();
      complete(chain.headId(), 0);
    }
    return false;
  }

  private PopResult take(DescriptorChain chain) {
    return reopenedTaken < reopened.length
        ? queue.reopen(reopened[reopenedTaken++], chain)
        : queue.pop(chain);
  }

  /**
   * Puts the chain popped last back; several in reverse order. For a request whose back end cannot
   * serve it now: return BLOCKED afterwards.
   */
  public void unpop(int headId) {
    queue.unpop(headId);
    if (inflight != null) {
      inflight.putBack(headId);
    }
    owner.onSettled();
  }

  /**
   * Whether a chain can be put back: no other was popped after it, a malformed one included, which
   * {@link #pop} has returned to the driver.
   */
  public boolean isLastPopped(int headId) {
    return queue.isLastPopped(headId);
  }

  /**
   * Returns a chain; the driver sees it after {@link #flush}.
   *
   * @param writtenBytes how many bytes were written from the start of the chain's writable part
   * @throws IllegalArgumentException if the chain is not in flight or has less room
   */
  public void complete(int headId, long writtenBytes) {
    queue.push(headId, writtenBytes);
    if (inflight != null) {
      inflight.completed(headId);
    }
  }

  /** Makes completed chains visible at once and calls the driver at most once. */
  public void flush() {
    boolean wanted = queue.publish();
    if (inflight != null) {
      inflight.published(queue.publishedUsed());
    }
    if (wanted && call != null) {
      call.signal();
    }
    owner.onSettled();
  }

  /** Serves the queue again after BLOCKED; not from inside {@link VirtioDevice#processQueue}. */
  public void resume() {
    if (open && blocked) {
      owner.serve(this);
    }
  }

  /** Whether {@link #pop} has something, now and without looking what it is. */
  public boolean hasPending() {
    return open && queue.hasPending();
  }

  /** Chains popped and not yet returned. */
  public int inFlight() {
    return queue.inFlight() - (reopened.length - reopenedTaken);
  }

  DeviceQueue queue() {
    return queue;
  }

  EventFd kick() {
    return kick;
  }

  QueuePosition position() {
    return queue.position();
  }

  boolean isOpen() {
    return open;
  }

  void setOpen(boolean open) {
    this.open = open;
  }

  boolean isBlocked() {
    return blocked;
  }

  void setBlocked(boolean blocked) {
    this.blocked = blocked;
  }

  /** Closes the eventfds; the queue thread watches the kick no longer. */
  void close() {
    kick.close();
    setCall(null);
  }

  /** Replaces what is signalled for used buffers; it may be null, and is owned by the port. */
  void setCall(EventFd newCall) {
    if (call != null) {
      call.close();
    }
    call = newCall;
  }
}
