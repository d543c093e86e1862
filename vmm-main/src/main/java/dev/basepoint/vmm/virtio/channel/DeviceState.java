package dev.basepoint.vmm.virtio.channel;

import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.vmm.virtio.mmio.ConfigSpace;
import dev.basepoint.vmm.virtio.mmio.DriverSetup;
import dev.basepoint.vmm.virtio.mmio.VirtioMmio;
import dev.basepoint.vmm.virtio.shadow.SavedQueue;
import dev.basepoint.vmm.virtio.shadow.ShadowCounters;
import dev.basepoint.vmm.virtio.shadow.ShadowDevice;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What is wanted of a device and what has happened to it. Everybody states that here and goes on;
 * {@link DeviceController} compares it with what it has done. So a guest that resets a thousand
 * times costs its server as many steps as the server can follow, and no queue grows.
 *
 * <p>All of it, and the registers, shadow queues and counters too, is guarded by the one lock of
 * the device: callers of every method hold it, except where noted.
 */
public final class DeviceState {
  private static final int CONFIG_WRITES_MAX = 64;

  private final String name;
  private final boolean replaceable;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Condition applied = lock.newCondition();
  private final ConfigSpace config = new ConfigSpace();
  private final ShadowCounters counters = new ShadowCounters();
  private final ArrayDeque<DeviceRequest.WriteConfig> configWrites = new ArrayDeque<>();

  private VirtioMmio transport;
  private ShadowDevice shadow;
  private DriverSetup wanted;
  private List<SavedQueue> savedQueues = List.of();
  private long epoch;
  private long appliedEpoch;
  private long stoppedQueues;
  private Fd replacement;
  private boolean replacing;
  private String failure;
  private boolean failureIsNews;
  private String warning;
  private boolean warned;
  private boolean closing;

  /**
   * @param replaceable whether a failed server may be replaced: the driver is then not told at once
   */
  DeviceState(String name, boolean replaceable) {
    this.name = name;
    this.replaceable = replaceable;
  }

  /** The device's lock. */
  public ReentrantLock lock() {
    return lock;
  }

  /** The configuration space, as the server last described it. */
  public ConfigSpace config() {
    return config;
  }

  /** The device's counters. */
  public ShadowCounters counters() {
    return counters;
  }

  /** The guest wants its queues served. */
  public void activate(DriverSetup setup) {
    activate(setup, List.of());
  }

  /**
   * A saved guest wants its queues served on.
   *
   * @param saved where each of its queues stood, checked
   */
  public void activate(DriverSetup setup, List<SavedQueue> saved) {
    wanted = setup.queues().isEmpty() ? null : setup;
    savedQueues = saved;
    stoppedQueues = 0;
    epoch++;
    changed.signal();
  }

  /** The guest wants nothing any more. */
  public void reset() {
    shadow.stop();
    wanted = null;
    savedQueues = List.of();
    stoppedQueues = 0;
    epoch++;
    counters.reset();
    changed.signal();
  }

  /** The guest wants one queue no more. */
  public void stopQueue(int index) {
    stoppedQueues |= 1L << index;
    shadow.stopQueue(index);
  }

  /** The guest has written to the configuration space; false if it does so too fast. */
  public boolean writeConfig(DeviceRequest.WriteConfig write) {
    if (configWrites.size() == CONFIG_WRITES_MAX) {
      return false;
    }
    configWrites.add(write);
    changed.signal();
    return true;
  }

  /**
   * The driver has made a mistake. Counted always and reported once, since a guest must not be able
   * to flood the launcher.
   */
  public void driverError(String what) {
    counters.driverError();
    if (!warned) {
      warned = true;
      warning = "the driver of " + name + " erred: " + what;
      changed.signal();
    }
  }

  /** The server cannot be trusted or reached any more. */
  public void serverFailed(String reason) {
    if (failure != null) {
      return;
    }
    failure = reason;
    failureIsNews = true;
    replacing = replacement != null;
    counters.failure();
    if (shadow != null) {
      if (replaceable) {
        shadow.suspend();
      } else {
        giveUp();
      }
    }
    changed.signal();
    applied.signalAll();
  }

  /** Nobody serves this device: its driver is to know. */
  void giveUp() {
    shadow.stop();
    transport.needsReset();
  }

  /** The server describes its configuration space anew. */
  void configChanged(byte[] content) {
    if (transport == null) {
      config.replace(content);
    } else if (content.length != config.bytes().length) {
      serverFailed("changed the size of its configuration space");
    } else {
      config.replace(content);
      transport.notifyConfigChange();
    }
  }

  /** Another server describes the configuration space, perhaps as it was. */
  void configDescribed(byte[] content) {
    if (!Arrays.equals(content, config.bytes())) {
      configChanged(content);
    }
  }

  /** Connects the machine's side, once; takes the lock itself. */
  void bind(VirtioMmio boundTransport, ShadowDevice boundShadow) {
    lock.lock();
    try {
      transport = boundTransport;
      shadow = boundShadow;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the machine's side is there; takes the lock itself. False if it never will be. */
  boolean awaitBinding() {
    lock.lock();
    try {
      while (!closing && shadow == null) {
        changed.awaitUninterruptibly();
      }
      return !closing;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Another server is there; takes the lock itself.
   *
   * @param atOnce whether it takes over from a server that has not failed, too
   */
  void replaceServer(Fd channel, boolean atOnce) {
    lock.lock();
    try {
      if (replacement != null) {
        replacement.close();
      }
      replacement = channel;
      replacing = atOnce;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until a server does all that is wanted; takes the lock itself.
   *
   * @throws IOException if it has failed, or not done it in time
   */
  public void awaitApplied(long deadlineNanos) throws IOException {
    lock.lock();
    try {
      while (failure != null || appliedEpoch != epoch || replacing) {
        if (failure != null && !replacing) {
          throw new IOException(failure);
        }
        if (closing || applied.awaitNanos(deadlineNanos - System.nanoTime()) <= 0) {
          throw new IOException("its server is not ready in time");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while its server was becoming ready", e);
    } finally {
      lock.unlock();
    }
  }

  /** The server does what was wanted at {@code doneEpoch}. */
  void applied(long doneEpoch) {
    appliedEpoch = doneEpoch;
    applied.signalAll();
  }

  /** Another server has taken over. */
  void replaced() {
    replacing = false;
    applied.signalAll();
  }

  /** Everything shall end; takes the lock itself. */
  void close() {
    lock.lock();
    try {
      closing = true;
      applied.signalAll();
      if (shadow != null) {
        shadow.stop();
      }
      if (replacement != null) {
        replacement.close();
      }
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Signalled whenever something here changes that the control thread acts on. */
  Condition changed() {
    return changed;
  }

  boolean isClosing() {
    return closing;
  }

  /** The setup that the guest wants served, or null. */
  DriverSetup wanted() {
    return wanted;
  }

  /** Where the queues of {@link #wanted} stood when they were saved; empty if they never were. */
  List<SavedQueue> savedQueues() {
    return savedQueues;
  }

  /** Changes with each reset and each activation. */
  long epoch() {
    return epoch;
  }

  /** Whether the guest has stopped a queue since it activated the device. */
  boolean isStopped(int index) {
    return (stoppedQueues & 1L << index) != 0;
  }

  boolean hasConfigWrites() {
    return !configWrites.isEmpty();
  }

  DeviceRequest.WriteConfig takeConfigWrite() {
    return configWrites.poll();
  }

  boolean hasWarning() {
    return warning != null;
  }

  String takeWarning() {
    String text = warning;
    warning = null;
    return text;
  }

  boolean hasFailed() {
    return failure != null;
  }

  boolean hasNewFailure() {
    return failureIsNews;
  }

  /** Why the server failed, to be dealt with; what was meant for it is forgotten. */
  String takeFailure() {
    failureIsNews = false;
    configWrites.clear();
    return failure;
  }

  boolean hasReplacement() {
    return replacement != null;
  }

  /** Whether the replacement does not wait for the present server to fail. */
  boolean replacesAtOnce() {
    return replacing;
  }

  /** The next server's channel; the failure of the last is past. */
  Fd takeReplacement() {
    Fd channel = replacement;
    replacement = null;
    failure = null;
    return channel;
  }
}
