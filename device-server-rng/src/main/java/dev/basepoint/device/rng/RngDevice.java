package dev.basepoint.device.rng;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.linux.TimerFd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.server.Activation;
import dev.basepoint.ipc.server.Counter;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.Progress;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.server.VirtioDevice;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * An entropy device, virtio 1.2 section 5.4: fills device-writable buffers from the kernel's
 * generator, straight into the driver's memory. It has one queue, no features and no configuration.
 *
 * <p>A request gets as many bytes as it has room for, up to a limit. With a rate limit it waits
 * until all of them may flow; it is never answered with nothing, which drivers take for a failure.
 * Requests wait in the driver's ring, so none is in flight between two events.
 */
final class RngDevice implements VirtioDevice {
  /** Virtio 1.2 section 5.4.1. */
  static final int VIRTIO_ID_RNG = 4;

  /** Work of one call, so that the frame can look at other events in between. */
  private static final int REQUESTS_PER_CALL = 64;

  private static final long BYTES_PER_CALL = 1 << 20;

  private final int requestBytesMax;
  private final int queueSize;
  private final Counter requests;
  private final Counter bytesToGuest;
  private final Counter errors;
  private final Counter throttled;

  /** The rate limit, or null for none; then there is no timer either. */
  private final TokenBucket bucket;

  private final TimerFd timer;
  private final EventLoop.Registration timerRegistration;

  private QueuePort requestQueue;
  private DescriptorChain chain;

  RngDevice(SupervisionRequest.ConfigureRng configuration, DeviceHost host) throws IOException {
    requestBytesMax = configuration.requestBytesMax();
    queueSize = configuration.queueSize();
    requests = host.requests();
    bytesToGuest = host.bytesToGuest();
    errors = host.errors();
    throttled = host.counter("throttled");
    if (configuration.rateBytesPerSecond() == 0) {
      bucket = null;
      timer = null;
      timerRegistration = null;
    } else {
      bucket =
          new TokenBucket(configuration.rateBytesPerSecond(), requestBytesMax, System.nanoTime());
      timer = new TimerFd();
      timerRegistration = host.loop().watch(timer.fd(), Epoll.EPOLLIN, _ -> onTimer());
    }
  }

  @Override
  public int virtioDeviceId() {
    return VIRTIO_ID_RNG;
  }

  @Override
  public long deviceFeatures() {
    return 0;
  }

  @Override
  public int queueCount() {
    return 1;
  }

  @Override
  public int queueSizeMax() {
    return queueSize;
  }

  @Override
  public byte[] config() {
    return new byte[0];
  }

  @Override
  public boolean completesInOrder() {
    return true;
  }

  @Override
  public void activate(Activation activation) {
    requestQueue = activation.queue(0);
    chain = requestQueue.newChain();
  }

  @Override
  public void start() {
    // The frame serves the queue next.
  }

  @Override
  public Progress processQueue(QueuePort queue) {
    long bytes = 0;
    for (int i = 0; i < REQUESTS_PER_CALL && bytes < BYTES_PER_CALL; i++) {
      if (!queue.pop(chain)) {
        return Progress.EMPTY;
      }
      if (chain.readableCount() != 0 || chain.writableBytes() == 0) {
        // Section 5.4.6: requests hold device-writable buffers only.
        errors.increment();
        requests.increment();
        queue.complete(chain.headId(), 0);
        continue;
      }
      long wanted = Math.min(chain.writableBytes(), requestBytesMax);
      if (bucket != null && !bucket.tryTake(wanted, System.nanoTime())) {
        queue.unpop(chain.headId());
        throttled.increment();
        timer.arm(Math.max(1, bucket.nanosUntil(wanted, System.nanoTime())));
        return Progress.BLOCKED;
      }
      fill(wanted);
      requests.increment();
      bytesToGuest.add(wanted);
      bytes += wanted;
      queue.complete(chain.headId(), wanted);
    }
    return Progress.MORE;
  }

  private void fill(long byteCount) {
    long left = byteCount;
    for (int i = chain.readableCount(); left > 0; i++) {
      long step = Math.min(left, chain.length(i));
      getrandom(chain.memory(i), chain.offset(i), step);
      left -= step;
    }
  }

  private static void getrandom(MemorySegment memory, long offset, long byteCount) {
    long done = 0;
    while (done < byteCount) {
      long result = Syscalls.getrandom(memory, offset + done, byteCount - done);
      if (result > 0) {
        done += result;
      } else if (result != -Errno.EINTR) {
        throw new IllegalStateException("getrandom: " + Errno.describe((int) -result));
      }
    }
  }

  private void onTimer() {
    timer.drain();
    if (requestQueue != null) {
      requestQueue.resume();
    }
  }

  @Override
  public void quiesce() {
    if (timer != null) {
      timer.arm(0);
    }
  }

  @Override
  public void deactivate() {
    requestQueue = null;
    chain = null;
  }

  @Override
  public void writeConfig(int offset, byte[] data) {
    // The configuration space is empty, so the frame lets nothing through.
  }

  @Override
  public void close() {
    if (timer != null) {
      timerRegistration.cancel();
      timer.close();
    }
  }
}
