package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.virtqueue.DeviceQueue;
import dev.basepoint.ipc.virtqueue.QueuePosition;
import dev.basepoint.ipc.virtqueue.RingAddresses;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A window that vmm-main handed over, checked and mapped. vmm-main is presumed malicious: nothing
 * of its message is believed that is not checked here.
 */
final class OpenedWindow implements AutoCloseable {
  /** No window needs more; a larger one would be populated at the host's cost. */
  static final long WINDOW_BYTES_MAX = 1L << 30;

  private final Activation activation;
  private final Runnable unmap;

  /**
   * @param unmap gives the memory back
   */
  OpenedWindow(Activation activation, Runnable unmap) {
    this.activation = activation;
    this.unmap = unmap;
  }

  /**
   * Checks and maps. Takes over the request's descriptors, whatever happens.
   *
   * @param info what the device offered
   * @throws RequestFailedException with code INVALID if the request is not acceptable
   */
  static OpenedWindow open(
      DeviceRequest.Activate request,
      DeviceReply.Info info,
      VirtioDevice device,
      Counter badChains,
      QueuePort.Owner owner)
      throws IOException {
    Mapping mapping = null;
    List<QueuePort> ports = new ArrayList<>();
    boolean opened = false;
    try {
      checkFeatures(request.features(), info.features());
      checkWindow(request);
      mapping = Mapping.shared(request.window(), 0, request.windowBytes(), true);
      // A page fault taken by Java code would hold up every safepoint of this process.
      mapping.advise(0, request.windowBytes(), Mapping.MADV_POPULATE_WRITE);
      mapping.advise(0, request.windowBytes(), Mapping.MADV_DONTDUMP);
      GuestMemory memory = GuestMemory.ofWindow(mapping.segment());
      for (DeviceRequest.QueueSetup setup : request.queues()) {
        checkQueue(setup, info);
        DeviceQueue queue = openQueue(setup, memory, request.features(), device);
        ports.add(
            new QueuePort(
                setup.index(),
                queue,
                EventFd.own(setup.kick()),
                EventFd.own(setup.call()),
                badChains,
                owner));
      }
      opened = true;
      return new OpenedWindow(
          new Activation(request.features(), memory, info.queueCount(), ports), mapping::close);
    } finally {
      // The mapping holds the memory; the descriptor is needed no more.
      request.window().close();
      if (!opened) {
        closeEventFds(request);
        if (mapping != null) {
          mapping.close();
        }
      }
    }
  }

  /** Closes the descriptors of a request that is refused before it is looked at. */
  static void discard(DeviceRequest.Activate request) {
    request.window().close();
    closeEventFds(request);
  }

  private static void closeEventFds(DeviceRequest.Activate request) {
    for (DeviceRequest.QueueSetup setup : request.queues()) {
      setup.kick().close();
      setup.call().close();
    }
  }

  private static void checkFeatures(long acknowledged, long offered) throws IOException {
    long surplus = acknowledged & ~offered;
    if (surplus != 0) {
      throw invalid("features 0x" + Long.toHexString(surplus) + " were not offered");
    }
    if ((acknowledged & VirtioFeatures.VIRTIO_F_VERSION_1) == 0) {
      throw invalid("VIRTIO_F_VERSION_1 was not acknowledged");
    }
  }

  private static void checkWindow(DeviceRequest.Activate request) throws IOException {
    if (request.windowBytes() > WINDOW_BYTES_MAX) {
      throw invalid("window of " + request.windowBytes() + " bytes is too large");
    }
    try {
      MemFd.requireSeals(request.window(), MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
    } catch (ErrnoException e) {
      throw invalid("window is not sealed against resizing: " + e.getMessage());
    }
    long size = MemFd.sizeBytes(request.window());
    if (size != request.windowBytes()) {
      throw invalid("window has " + size + " bytes, announced " + request.windowBytes());
    }
  }

  private static void checkQueue(DeviceRequest.QueueSetup setup, DeviceReply.Info info)
      throws IOException {
    if (setup.index() >= info.queueCount()) {
      throw invalid("queue " + setup.index() + " of " + info.queueCount());
    }
    if (setup.size() > info.queueSizeMax()) {
      throw invalid(
          "queue "
              + setup.index()
              + " has "
              + setup.size()
              + " entries, at most "
              + info.queueSizeMax());
    }
    if (setup.nextAvail() != setup.nextUsed()) {
      throw invalid("queue " + setup.index() + " has chains in flight that nobody holds");
    }
  }

  private static DeviceQueue openQueue(
      DeviceRequest.QueueSetup setup, GuestMemory memory, long features, VirtioDevice device)
      throws IOException {
    RingAddresses addresses =
        new RingAddresses(
            setup.size(), setup.descOffset(), setup.availOffset(), setup.usedOffset());
    return switch (DeviceQueue.open(
        memory,
        addresses,
        features,
        device.limits(setup.size()),
        new QueuePosition(setup.nextAvail(), setup.nextUsed()))) {
      case DeviceQueue.Opened(DeviceQueue queue) -> queue;
      case DeviceQueue.Refused(RingAddresses.Refusal refusal, RingAddresses _) ->
          throw invalid("queue " + setup.index() + ": " + refusal);
    };
  }

  private static RequestFailedException invalid(String message) {
    return new RequestFailedException(RequestFailedException.Code.INVALID, message);
  }

  /** What the device gets of it. */
  Activation activation() {
    return activation;
  }

  /** Unmaps and closes; nothing may use the queues any more. */
  @Override
  public void close() {
    activation.queues().forEach(QueuePort::close);
    unmap.run();
  }
}
