package dev.basepoint.device.blk;

import dev.basepoint.device.blk.image.Image;
import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.device.blk.image.TransferQueue;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.ipc.server.Activation;
import dev.basepoint.ipc.server.CompletionMailbox;
import dev.basepoint.ipc.server.DeviceHost;
import dev.basepoint.ipc.server.Progress;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.server.VirtioDevice;
import dev.basepoint.ipc.server.WarningLimit;
import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.virtqueue.QueueLimits;
import java.io.IOException;
import java.util.List;

/**
 * A disk, virtio 1.2 §5.2.
 *
 * <pre>
 *   pop -> parse -> page cache or memory: served at once, on the queue thread
 *                -> O_DIRECT: native AIO -> eventfd -> queue thread
 *                -> disk otherwise: I/O thread -> mailbox -> queue thread
 *                -> FLUSH: merged, I/O thread -> mailbox -> queue thread
 *                -> nonsense: status at once
 * </pre>
 *
 * A completed request reports all of its writable bytes as written, because all of them are: data
 * that could not be read is zeros, and the status is the last of them. A chain without a writable
 * byte is returned with length 0.
 */
final class BlkDevice implements VirtioDevice, CompletionMailbox.Receiver, TransferQueue.Receiver {
  /** Requests served per call before other queues and completions get their turn. */
  private static final int BATCH = 64;

  /** Bytes of requests served per call; copying that much takes less than 0.1 ms. */
  private static final long BATCH_BYTES = 256 << 10;

  /** Requests served at once before the driver hears of them; a call costs a system call. */
  private static final int FLUSH_AFTER = 4;

  /** Copying less than this costs less than to wake another thread. */
  private static final long SHARED_BYTES_MIN = 64 << 10;

  /** Two for each further CPU, so that none runs dry. */
  private static final int SHARED_MAX = 2 * (Runtime.getRuntime().availableProcessors() - 1);

  private static final int IN_FLIGHT_MAX = 256;
  private static final int IO_THREADS_MAX = 16;

  /**
   * Bytes of one chain beyond which it is returned without a status. Far above the largest valid
   * request, so that oversized ones get theirs, and low enough that none keeps the thread for long.
   */
  private static final long CHAIN_BYTES_MAX = 64 << 20;

  private final BlkSettings settings;
  private final Image image;
  private final DeviceHost host;
  private final BlkCounters counters;
  private final RequestLimits limits;
  private final BlkConfigSpace config;
  private final RequestParser parser;
  private final RequestPool requests;
  private final ImageWork work;
  private final FlushGroup flushes;
  private final IoPool ioThreads;
  private final CompletionMailbox mailbox;

  /** Null if the image has none. */
  private final TransferQueue transfers;

  private final EventLoop.Registration transferRegistration;
  private final InlineWrites inlineWrites = new InlineWrites();
  private final WarningLimit warnings = new WarningLimit();

  private DescriptorChain chain;

  /** Requests that I/O threads copy although this thread could. */
  private int sharedCount;

  /** Completed and not yet flushed while a batch is taken. */
  private int doneUnseen;

  private List<QueuePort> queues = List.of();
  private boolean writeCacheChosen;
  private boolean flushNegotiated;

  /**
   * Makes the device of an open image.
   *
   * @param image owned by the device from now on, unless this fails
   * @throws IOException if settings and image do not fit
   */
  BlkDevice(BlkSettings settings, Image image, DeviceHost host) throws IOException {
    settings.checkFor(image.traits().sizeBytes());
    this.settings = settings;
    this.image = image;
    this.host = host;
    counters = new BlkCounters(host);
    limits = RequestLimits.of(settings.queueSize());
    config = new BlkConfigSpace(settings, image.traits(), limits);
    parser =
        new RequestParser(
            image.traits().sizeBytes(), image.traits().readOnly(), limits, settings.serial());
    requests =
        new RequestPool(
            Math.min(IN_FLIGHT_MAX, settings.queueCount() * settings.queueSize()),
            limits.segments());
    work = new ImageWork(image);
    mailbox = new CompletionMailbox(host.loop(), requests.capacity(), this);
    ioThreads =
        new IoPool(
            "blk-io",
            IO_THREADS_MAX,
            requests.capacity(),
            request -> mailbox.post(request.token, work.run(request)));
    transfers = image.openTransferQueue(requests.capacity()).orElse(null);
    if (transfers != null) {
      transferRegistration = host.loop().watch(transfers.fd(), Epoll.EPOLLIN, _ -> reapTransfers());
    } else {
      transferRegistration = null;
    }
    flushes = new FlushGroup(requests.capacity(), this::handOver, this::finish);
  }

  @Override
  public int virtioDeviceId() {
    return VirtioBlk.VIRTIO_ID_BLOCK;
  }

  @Override
  public long deviceFeatures() {
    return BlkConfigSpace.features(settings, image.traits());
  }

  @Override
  public int queueCount() {
    return settings.queueCount();
  }

  @Override
  public int queueSizeMax() {
    return settings.queueSize();
  }

  @Override
  public byte[] config() {
    return config.toBytes();
  }

  @Override
  public QueueLimits limits(int queueSize) {
    return new QueueLimits(queueSize, CHAIN_BYTES_MAX);
  }

  @Override
  public void activate(Activation activation) {
    parser.setFeatures(activation.features());
    queues = activation.queues();
    chain = new DescriptorChain(settings.queueSize());
    writeCacheChosen = activation.has(VirtioBlk.VIRTIO_BLK_F_CONFIG_WCE);
    flushNegotiated = activation.has(VirtioBlk.VIRTIO_BLK_F_FLUSH);
    flushes.reset();
    // §5.2.5.2: a driver that can choose but not flush starts with write-through.
    if (writeCacheChosen && !flushNegotiated && config.setWriteback(false)) {
      host.configChanged();
    }
  }

  @Override
  public void start() {
    // Everything starts with processQueue.
  }

  @Override
  public Progress processQueue(QueuePort queue) {
    Progress progress = takeBatch(queue);
    if (transfers != null) {
      transfers.submit(this);
    }
    return progress;
  }

  private Progress takeBatch(QueuePort queue) {
    long startNanos = System.nanoTime();
    long bytes = 0;
    doneUnseen = 0;
    for (int i = 0; i < BATCH && bytes < BATCH_BYTES; i++) {
      BlkRequest request = requests.take();
      if (request == null) {
        return Progress.BLOCKED;
      }
      if (!queue.pop(chain)) {
        requests.giveBack(request);
        return Progress.EMPTY;
      }
      request.queue = queue;
      request.startNanos = startNanos;
      bytes += chain.readableBytes() + chain.writableBytes();
      accept(request);
      if (doneUnseen >= FLUSH_AFTER) {
        // The driver goes on with these while we serve the rest.
        queue.flush();
        doneUnseen = 0;
      }
    }
    return Progress.MORE;
  }

  private void accept(BlkRequest request) {
    int outcome = parser.parse(chain, request);
    switch (outcome) {
      case RequestParser.ACCEPTED -> serve(request);
      case RequestParser.NO_STATUS -> {
        counters.withoutStatus();
        giveBack(request, 0);
      }
      default -> {
        counters.answered(outcome);
        request.putStatus(outcome);
        giveBack(request, request.writableBytes);
      }
    }
  }

  private void serve(BlkRequest request) {
    switch (request.operation) {
      case READ -> serveRead(request);
      case WRITE -> serveWrite(request);
      case FLUSH -> serveFlush(request);
      case DISCARD, WRITE_ZEROES -> {
        request.durable = isWriteThrough();
        handOver(request);
      }
    }
  }

  private void serveRead(BlkRequest request) {
    if (isBetterShared(request)) {
      share(request);
      return;
    }
    long result =
        switch (image.traits().readsWait()) {
          case NEVER -> work.run(request);
          case SELDOM -> work.tryRead(request);
          case ALWAYS -> Image.WOULD_WAIT;
        };
    if (result != Image.WOULD_WAIT) {
      finish(request, result);
    } else if (!addTransfer(request)) {
      handOver(request);
    }
  }

  private void serveWrite(BlkRequest request) {
    request.durable = isWriteThrough();
    Waiting waiting = image.traits().writesWait();
    if (request.durable && flushes.failure() != 0) {
      finish(request, flushes.failure());
    } else if (waiting == Waiting.NEVER) {
      finish(request, work.run(request));
    } else if (waiting == Waiting.SELDOM && !request.durable && inlineWrites.areFast()) {
      long result = inlineWrites.run(work, request);
      if (result != Image.WOULD_WAIT) {
        finish(request, result);
      } else {
        handOver(request);
      }
    } else if (!addTransfer(request)) {
      handOver(request);
    }
  }

  /**
   * Whether another CPU should copy this one meanwhile: it is large, more is waiting, and the other
   * CPUs have not enough to do yet.
   */
  private boolean isBetterShared(BlkRequest request) {
    return request.byteCount >= SHARED_BYTES_MIN
        && sharedCount < SHARED_MAX
        && image.traits().readsWait() != Waiting.ALWAYS
        && request.queue.hasPending();
  }

  private void share(BlkRequest request) {
    request.shared = true;
    sharedCount++;
    handOver(request);
  }

  private boolean addTransfer(BlkRequest request) {
    return transfers != null
        && transfers.add(
            request.operation == BlkRequest.Operation.WRITE,
            request.durable,
            request.offset(),
            request.data,
            request.token);
  }

  private void reapTransfers() {
    transfers.reap(this);
    onBatchEnd();
  }

  /** Whatever did not go as it should is an I/O thread's to finish, or to find the reason for. */
  @Override
  public void onTransferred(int token, long result) {
    BlkRequest request = requests.byToken(token);
    if (result > 0) {
      request.data.consume(result);
    }
    if (request.data.totalBytes() == 0) {
      finish(request, 0);
    } else {
      handOver(request);
    }
  }

  private void serveFlush(BlkRequest request) {
    if (flushes.failure() != 0) {
      finish(request, flushes.failure());
    } else {
      flushes.add(request);
    }
  }

  /** §5.2.6.2: when a completed write must be on stable storage. */
  private boolean isWriteThrough() {
    return writeCacheChosen ? !config.isWriteback() : !flushNegotiated;
  }

  private void handOver(BlkRequest request) {
    counters.handedOver();
    ioThreads.submit(request);
  }

  @Override
  public void onCompletion(int token, long result) {
    BlkRequest request = requests.byToken(token);
    if (request.shared) {
      request.shared = false;
      sharedCount--;
    }
    if (request.operation == BlkRequest.Operation.FLUSH) {
      flushes.onFlushed(result);
    } else {
      finish(request, result);
    }
  }

  @Override
  public void onBatchEnd() {
    for (int i = 0; i < queues.size(); i++) {
      queues.get(i).flush();
    }
    for (int i = 0; i < queues.size(); i++) {
      queues.get(i).resume();
    }
  }

  private void finish(BlkRequest request, long result) {
    if (result != 0) {
      warn(request, result);
    }
    counters.finished(request, result == 0, System.nanoTime() - request.startNanos);
    request.putStatus(status(request, result));
    giveBack(request, request.writableBytes);
  }

  private static int status(BlkRequest request, long result) {
    if (result == 0) {
      return VirtioBlk.VIRTIO_BLK_S_OK;
    }
    boolean unsupported =
        result == -Errno.EOPNOTSUPP && request.operation == BlkRequest.Operation.DISCARD;
    return unsupported ? VirtioBlk.VIRTIO_BLK_S_UNSUPP : VirtioBlk.VIRTIO_BLK_S_IOERR;
  }

  private void giveBack(BlkRequest request, long writtenBytes) {
    request.queue.complete(request.headId, writtenBytes);
    doneUnseen++;
    request.queue = null;
    requests.giveBack(request);
  }

  private void warn(BlkRequest request, long result) {
    if (!warnings.admit()) {
      return;
    }
    long suppressed = warnings.takeSuppressed();
    host.warn(
        "disk "
            + settings.name()
            + ": "
            + BlkWarnings.describe(request)
            + " failed with "
            + Errno.describe((int) -result)
            + (suppressed == 0 ? "" : "; " + suppressed + " failures before it were not reported"));
  }

  @Override
  public void quiesce() {
    // What is in flight ends by itself.
  }

  @Override
  public void deactivate() {
    queues = List.of();
    config.setWriteback(!image.traits().readOnly());
  }

  @Override
  public void writeConfig(int offset, byte[] data) {
    int at = BlkConfigSpace.WRITEBACK_OFFSET - offset;
    if (at >= 0 && at < data.length && !image.traits().readOnly()) {
      config.setWriteback(data[at] != 0);
    }
  }

  @Override
  public void close() {
    ioThreads.close();
    mailbox.close();
    if (transfers != null) {
      transferRegistration.cancel();
      transfers.close();
    }
    image.close();
  }
}
