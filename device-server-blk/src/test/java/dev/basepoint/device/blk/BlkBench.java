package dev.basepoint.device.blk;

import dev.basepoint.device.blk.image.Image;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.memory.GuestMemory;
import dev.basepoint.ipc.server.TestFrame;
import dev.basepoint.ipc.server.VirtioDevice;
import dev.basepoint.ipc.server.VirtioFeatures;
import dev.basepoint.ipc.virtqueue.GuestDriver;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;

/** A disk over a test's image, driven in the test's own thread. */
final class BlkBench implements AutoCloseable {
  static final int QUEUE_SIZE = 128;

  /** Everything the device and the transport offer. */
  static final long ALL = -1;

  final TestFrame frame;
  final VirtioDevice device;
  final long features;
  private final int queueSize;
  private GuestDriver guest;

  BlkBench(Image image) throws IOException {
    this(settings(), image, ALL);
  }

  BlkBench(BlkSettings settings, Image image, long acknowledged) throws IOException {
    frame = new TestFrame();
    queueSize = settings.queueSize();
    device =
        frame.<SupervisionRequest.ConfigureBlk>configure(
            (_, host) -> new BlkDevice(settings, image, host), null);
    features =
        (device.deviceFeatures() | VirtioFeatures.TRANSPORT)
            & (acknowledged | VirtioFeatures.VIRTIO_F_VERSION_1);
    activate();
  }

  static BlkSettings settings() {
    return new BlkSettings("disk0", "serial-0123456789", 1, QUEUE_SIZE, 512, true);
  }

  GuestDriver guest() {
    return guest;
  }

  GuestMemory memory() {
    return guest.memory();
  }

  /** Activates with fresh rings, after a reset. */
  void activate() throws IOException {
    guest = new GuestDriver(queueSize, features);
    frame.activate(guest.memory(), features, guest.addresses());
  }

  /** Sends one request and lets the device finish it. */
  Completion request(Buffer... buffers) throws IOException {
    guest.submit(buffers);
    guest.publish();
    frame.kick(0);
    return guest.poll().orElseThrow(() -> new AssertionError("the request was not completed"));
  }

  /** The status of a completion. */
  static int status(Completion done) {
    return done.written()[done.written().length - 1];
  }

  @Override
  public void close() throws IOException {
    frame.close();
    guest.close();
  }
}
