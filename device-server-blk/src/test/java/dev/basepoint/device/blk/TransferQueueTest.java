package dev.basepoint.device.blk;

import static dev.basepoint.device.blk.RequestBytes.IN;
import static dev.basepoint.device.blk.RequestBytes.IOERR;
import static dev.basepoint.device.blk.RequestBytes.OK;
import static dev.basepoint.device.blk.RequestBytes.OUT;
import static dev.basepoint.device.blk.RequestBytes.header;
import static dev.basepoint.device.blk.RequestBytes.pattern;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.device.blk.image.TransferQueue;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever becomes of an asynchronous transfer, its request ends rightly, and once. */
class TransferQueueTest {
  private static final int IMAGE_BYTES = 64 << 10;
  private static final int BYTES = 8192;

  /** What the queue does with transfers. */
  enum Fate {
    COMPLETE,
    SHORT,
    NOTHING,
    AGAIN,
    FAILED,
    REFUSED_AT_SUBMIT,
    NOT_TAKEN
  }

  /** Transfers synchronously, as far as its fate lets it, and reports later. */
  private static final class FatefulQueue implements TransferQueue {
    private record Transfer(boolean write, long offset, IovecArray data, int token) {}

    private final TestImage image;
    private final Fate fate;
    private final EventFd event;
    private final Queue<Transfer> added = new ArrayDeque<>();
    private final Queue<Transfer> started = new ArrayDeque<>();
    private boolean durable;

    FatefulQueue(TestImage image, Fate fate) throws ErrnoException {
      this.image = image;
      this.fate = fate;
      event = EventFd.create();
    }

    @Override
    public boolean add(boolean write, boolean isDurable, long offset, IovecArray data, int token) {
      durable |= isDurable;
      return fate != Fate.NOT_TAKEN && added.add(new Transfer(write, offset, data, token));
    }

    @Override
    public void submit(Receiver receiver) {
      for (Transfer transfer = added.poll(); transfer != null; transfer = added.poll()) {
        if (fate == Fate.REFUSED_AT_SUBMIT) {
          receiver.onTransferred(transfer.token, -Errno.EAGAIN);
        } else {
          started.add(transfer);
          event.signal();
        }
      }
    }

    @Override
    public Fd fd() {
      return event.fd();
    }

    @Override
    public void reap(Receiver receiver) {
      event.drain();
      for (Transfer transfer = started.poll(); transfer != null; transfer = started.poll()) {
        receiver.onTransferred(transfer.token, carryOut(transfer));
      }
    }

    private long carryOut(Transfer transfer) {
      return switch (fate) {
        case COMPLETE -> copy(transfer, BYTES);
        case SHORT -> copy(transfer, 512);
        case NOTHING -> 0;
        case AGAIN -> -Errno.EAGAIN;
        case FAILED -> -Errno.EIO;
        case REFUSED_AT_SUBMIT, NOT_TAKEN -> throw new AssertionError(fate);
      };
    }

    private long copy(Transfer transfer, long byteCount) {
      image.transfer(transfer.write, transfer.offset, transfer.data, byteCount);
      return byteCount;
    }

    @Override
    public void close() {
      event.close();
    }
  }

  @ParameterizedTest
  @EnumSource(Fate.class)
  void requestEndsRightlyWhateverItsTransferDoes(Fate fate) throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.ALWAYS);
    FatefulQueue queue = new FatefulQueue(image, fate);
    image.transferQueue = queue;
    try (BlkBench bench = new BlkBench(image)) {
      byte[] data = pattern(BYTES, 3);
      for (int i = 0; i < 5; i++) {
        bench.guest().submit(out(header(OUT, 16L * i)), out(data), Buffer.writable(1));
      }
      bench.guest().publish();
      bench.frame.kick(0);
      for (int i = 0; i < 5; i++) {
        assertEquals(OK, BlkBench.status(bench.guest().poll().orElseThrow()));
        assertArrayEquals(data, image.contents(i * (long) BYTES, BYTES));
      }
      Completion read = bench.request(out(header(IN, 16)), Buffer.writable(BYTES + 1));
      assertEquals(OK, BlkBench.status(read));
      assertArrayEquals(data, Arrays.copyOf(read.written(), BYTES));
      assertEquals(fate == Fate.COMPLETE ? 0 : 6, bench.frame.count("onIoThread"));
      assertEquals(0, bench.frame.count("errors"));
      assertEquals(List.of(), bench.frame.warnings());

      if (fate != Fate.COMPLETE) {
        image.readResult = -Errno.EIO;
        Completion failed = bench.request(out(header(IN, 16)), Buffer.writable(BYTES + 1));
        assertEquals(IOERR, BlkBench.status(failed));
        assertEquals(BYTES + 1, failed.usedLength());
        assertEquals(0, failed.written()[BYTES - 1], "what could not be read is zeros");
        assertEquals(1, bench.frame.count("ioErrors"));
      }
      bench.device.writeConfig(BlkConfigSpace.WRITEBACK_OFFSET, new byte[1]);
      bench.request(out(header(OUT, 0)), out(data), Buffer.writable(1));
      assertTrue(queue.durable, "write-through reaches the queue");
    }
  }

  private static Buffer out(byte[] bytes) {
    return Buffer.readable(bytes);
  }
}
