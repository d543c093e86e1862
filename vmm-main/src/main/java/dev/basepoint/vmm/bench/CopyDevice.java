package dev.basepoint.vmm.bench;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.PopResult;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The least that a block-like device can do, on a thread of its own: it looks at the header, fills
 * the data from memory, and writes a status.
 */
final class CopyDevice implements AutoCloseable {
  private final DeviceQueue queue;
  private final DescriptorChain chain;
  private final EventFd kick;
  private final EventFd call;
  private final EventLoop loop = new EventLoop();
  private final MemorySegment content = Arena.ofAuto().allocate(1 << 20, 4096);
  private final MemorySegment header = Arena.ofAuto().allocate(16, 16);
  private final Thread thread;

  CopyDevice(GuestMemory memory, RingAddresses rings, long features, EventFd kick, EventFd call)
      throws IOException {
    if (!(DeviceQueue.open(memory, rings, features) instanceof DeviceQueue.Opened(var opened))) {
      throw new IllegalArgumentException("no queue can be at " + rings);
    }
    queue = opened;
    chain = queue.newChain();
    this.kick = kick;
    this.call = call;
    loop.watch(kick.fd(), Epoll.EPOLLIN, _ -> onKick());
    thread = Thread.ofPlatform().name("copy-device").daemon().start(this::run);
  }

  private void run() {
    try {
      loop.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void onKick() {
    kick.drain();
    do {
      while (queue.pop(chain) == PopResult.CHAIN) {
        chain.copyFromReadable(0, header, 0, header.byteSize());
        queue.push(chain.headId(), chain.copyToWritable(0, content, 0, chain.writableBytes()));
      }
      if (queue.publish()) {
        call.signal();
      }
    } while (queue.enableKicks());
  }

  @Override
  public void close() {
    loop.stop();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the device was ending", e);
    }
    loop.close();
  }
}
