package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.DriverQueue;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.UsedResult;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.SlotPlacement;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One virtqueue of the guest and its shadow in the window.
 *
 * <pre>
 *   guest RAM                       vmm-main                          window
 *   desc, avail  --- pop ------->   validate, take slots,
 *   buffers      --- copy in ---->  note the request     --- publish, kick --->  device server
 *   buffers      <-- copy back ---  check what came back <-- popUsed, call ----
 *   used         <-- push, interrupt
 * </pre>
 *
 * A request for which there is no room at present is held back, and the rest of the guest's ring
 * with it, until others complete: nothing is ever dropped.
 *
 * <p>Guarded by the device's lock. Nothing allocates after construction.
 */
final class ShadowQueue {
  /** Bounds one turn, so that every queue of every device gets its turn soon. */
  private static final int REQUESTS_PER_TURN = 64;

  private static final long BYTES_PER_TURN = 8L << 20;

  /** Segments of all requests in flight together; each takes 28 bytes. */
  private static final int SEGMENTS_MIN = 2048;

  /** How a turn ended. */
  enum Turn {
    /** There was nothing to do. */
    IDLE,
    /** Something was done; there may be more. */
    WORKED,
    /** The driver broke its ring or a chain: {@link #guestFault} says how. */
    GUEST_FAULT,
    /** The device server broke the shadow ring: {@link #serverFault} says how. */
    SERVER_FAULT
  }

  private final int index;
  private final DeviceQueue guest;
  private final GuestMemory ram;
  private final ReentrantLock lock;
  private final ShadowCounters counters;
  private final Runnable interrupt;
  private final int trailingStatusBytes;
  private final boolean staysOpen;
  private final DriverQueue driver;
  private final RequestTable requests;
  private final DescriptorChain chain;
  private final SlotPlacement placement;

  private final SlotAllocator slots;

  private MemorySegment window;
  private EventFd kick;

  /** The chain object holds a request that found no room. */
  private boolean holding;

  private long turnBytes;
  private PopResult guestFault = PopResult.EMPTY;
  private UsedResult serverFault = UsedResult.EMPTY;

  /**
   * @param ordinal of the queue in {@code target}
   * @param guest the guest's ring, opened with limits of at most {@code shadowSize} descriptors
   * @param features of the shadow ring
   */
  ShadowQueue(
      int index,
      DeviceQueue guest,
      GuestMemory ram,
      ReentrantLock lock,
      ShadowCounters counters,
      Runnable interrupt,
      DeviceProfile profile,
      Window target,
      int ordinal,
      long features,
      EventFd kick) {
    this.index = index;
    this.guest = guest;
    this.ram = ram;
    this.lock = lock;
    this.counters = counters;
    this.interrupt = interrupt;
    this.trailingStatusBytes = profile.trailingStatusBytes();
    this.staysOpen = profile.staysOpen(index);
    this.kick = kick;
    window = target.memory().segment(0);
    slots = target.slots(ordinal);
    driver = new DriverQueue(target.memory(), target.rings(ordinal), features);
    chain = guest.newChain();
    placement = new SlotPlacement(chain.capacity());
    requests = new RequestTable(driver.queueSize(), Math.max(SEGMENTS_MIN, 2 * chain.capacity()));
  }

  int index() {
    return index;
  }

  PopResult guestFault() {
    return guestFault;
  }

  UsedResult serverFault() {
    return serverFault;
  }

  /** Requests that the device server has. */
  int inFlight() {
    return driver.inFlight();
  }

  /** Whether nothing is in flight but what may stay so. */
  boolean isSettled() {
    return staysOpen || driver.inFlight() == 0;
  }

  /** Whether a turn would find something to do: two loads. */
  boolean hasWork(Flow flow) {
    return (flow.completes(staysOpen) && driver.hasUsed())
        || (flow.takes() && !holding && guest.hasPending());
  }

  /**
   * Asks both sides for notifications, before the I/O thread sleeps.
   *
   * @return whether there is work after all
   */
  boolean enableNotifications(Flow flow) {
    boolean used = flow.completes(staysOpen) && driver.enableCalls();
    // What is held back goes on when a request completes, not when the guest kicks.
    return used || (flow.takes() && !holding && guest.enableKicks());
  }

  /** Takes back what the server has done, then hands over what the guest has asked for. */
  Turn serve(Flow flow) {
    driver.disableCalls();
    guest.disableKicks();
    turnBytes = 0;
    int completed = flow.completes(staysOpen) ? completeUsed() : 0;
    publishToGuest();
    if (serverFault.isFault()) {
      return Turn.SERVER_FAULT;
    }
    int issued = flow.takes() ? issueAvailable() : 0;
    if (driver.publish()) {
      counters.serverKicks++;
      kick.signal();
    }
    publishToGuest();
    if (guestFault != PopResult.EMPTY) {
      return Turn.GUEST_FAULT;
    }
    return completed + issued > 0 ? Turn.WORKED : Turn.IDLE;
  }

  private void publishToGuest() {
    if (guest.publish()) {
      counters.interrupts++;
      interrupt.run();
    }
  }

  /** Whoever waits for the lock, a vCPU that resets the device for one, ends the turn. */
  private boolean turnIsOver(int done) {
    return done >= REQUESTS_PER_TURN
        || turnBytes >= BYTES_PER_TURN
        || (done > 0 && lock.hasQueuedThreads());
  }

  private int completeUsed() {
    int done = 0;
    while (!turnIsOver(done)) {
      UsedResult result = driver.popUsed();
      if (result == UsedResult.EMPTY) {
        break;
      }
      if (result.isFault()) {
        serverFault = result;
        break;
      }
      complete(driver.usedId(), driver.usedLength());
      done++;
    }
    return done;
  }

  /** Gives one completed request back to the guest; its id and length have been checked. */
  private void complete(int id, long usedLength) {
    copyBack(id, usedLength);
    guest.push(requests.guestHead(id), usedLength);
    requests.remove(id, slots);
    turnBytes += usedLength;
    counters.requests++;
    counters.bytesToGuest += usedLength;
  }

  private void copyBack(int id, long usedLength) {
    long statusFrom = requests.writableBytes(id) - trailingStatusBytes;
    int segment = requests.firstSegment(id);
    for (int i = requests.readableSegments(id); i > 0; i--) {
      segment = requests.nextSegment(segment);
    }
    long position = 0;
    while (segment != RequestTable.NONE && (position < usedLength || trailingStatusBytes > 0)) {
      int length = requests.length(segment);
      long written = Math.clamp(usedLength - position, 0, length);
      copyToGuest(segment, 0, written);
      // The status, if the server counts only the data before it.
      long status = Math.clamp(statusFrom - position, written, length);
      copyToGuest(segment, status, length - status);
      position += length;
      segment = requests.nextSegment(segment);
    }
  }

  private void copyToGuest(int segment, long offset, long byteCount) {
    if (byteCount > 0) {
      ram.copyTo(
          requests.gpa(segment) + offset,
          window,
          requests.windowOffset(segment) + offset,
          byteCount);
    }
  }

  private int issueAvailable() {
    int done = 0;
    while (!turnIsOver(done)) {
      if (!holding) {
        PopResult result = guest.pop(chain);
        if (result == PopResult.EMPTY) {
          break;
        }
        if (result != PopResult.CHAIN) {
          guestFault = result;
          break;
        }
      }
      holding = !issue();
      if (guestFault != PopResult.EMPTY) {
        break;
      }
      if (holding) {
        counters.windowFull++;
        break;
      }
      done++;
    }
    return done;
  }

  /** Issues the chain popped last; false if there is no room for it at present. */
  private boolean issue() {
    if (chain.count() == 0) {
      // A request without a byte asks for nothing, and a shadow chain cannot be empty.
      guest.push(chain.headId(), 0);
      counters.errors++;
      return true;
    }
    if (driver.freeDescriptors() == 0 || requests.freeSegments() < chain.count()) {
      return false;
    }
    SlotPlacement.Result placed = placement.place(slots, chain);
    if (placed == SlotPlacement.Result.TOO_LARGE) {
      guestFault = PopResult.TOO_MANY_BYTES;
    }
    if (placed != SlotPlacement.Result.PLACED) {
      return false;
    }
    if (!describe()) {
      driver.begin();
      placement.release(slots);
      return false;
    }
    copyIn();
    int id = driver.submit();
    requests.put(id, chain, placement);
    turnBytes += chain.readableBytes();
    counters.bytesFromGuest += chain.readableBytes();
    return true;
  }

  /** Builds the shadow chain; neighbours in the window share a descriptor. */
  private boolean describe() {
    driver.begin();
    int i = 0;
    while (i < chain.count()) {
      boolean writable = chain.isWritable(i);
      long start = placement.offset(i);
      long end = start + chain.length(i);
      for (i++; i < chain.count(); i++) {
        if (chain.isWritable(i) != writable || placement.offset(i) != end) {
          break;
        }
        end += chain.length(i);
      }
      if (!driver.add(start, (int) (end - start), writable)) {
        return false;
      }
    }
    return true;
  }

  private void copyIn() {
    for (int i = 0; i < chain.readableCount(); i++) {
      MemorySegment.copy(
          chain.memory(i), chain.offset(i), window, placement.offset(i), chain.length(i));
    }
  }

  /** How far the queue has come; what found no room goes back to the guest's ring. */
  SavedQueue state() {
    if (holding) {
      guest.unpop(chain.headId());
      holding = false;
    }
    int[] heads = new int[driver.inFlight()];
    int count = 0;
    for (int id = driver.oldestInFlight(); id >= 0; id = driver.nextInFlight(id)) {
      heads[count++] = requests.guestHead(id);
    }
    return new SavedQueue(index, guest.position(), heads);
  }

  /**
   * Issues the requests that were in flight when the queue was saved, whose chains are read from
   * guest RAM and checked as if they came now.
   *
   * @param heads checked by {@link SavedQueue#check}
   * @return false if the driver broke one of them: {@link #guestFault} says how
   */
  boolean reissue(int[] heads) {
    for (int head : heads) {
      PopResult result = guest.reopen(head, chain);
      if (result == PopResult.CHAIN && !issue() && guestFault == PopResult.EMPTY) {
        // There was room before, so the chain has grown since.
        guestFault = PopResult.TOO_MANY_BYTES;
      } else if (result != PopResult.CHAIN) {
        guestFault = result;
      }
      if (guestFault != PopResult.EMPTY) {
        return false;
      }
    }
    if (driver.publish()) {
      kick.signal();
    }
    return true;
  }

  /**
   * Issues every request in flight again, oldest first, in a fresh window for another device
   * server. Device-readable bytes come from guest RAM once more, since the old window was in the
   * hands of a server that failed.
   */
  void reattach(Window target, int ordinal, EventFd newKick) {
    window = target.memory().segment(0);
    kick = newKick;
    serverFault = UsedResult.EMPTY;
    for (int id = driver.oldestInFlight(); id >= 0; id = driver.nextInFlight(id)) {
      int segment = requests.firstSegment(id);
      for (int i = requests.readableSegments(id); i > 0; i--) {
        ram.copyFrom(
            requests.gpa(segment),
            window,
            requests.windowOffset(segment),
            requests.length(segment));
        segment = requests.nextSegment(segment);
      }
    }
    driver.republish(target.memory(), target.rings(ordinal));
  }
}
