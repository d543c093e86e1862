package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.linux.IovecArray;
import java.util.Optional;

/**
 * The contents of a disk. All methods are safe for several threads at once; none throws for trouble
 * with the back end: they answer 0 or {@code -errno}.
 *
 * <p>Offsets and lengths are multiples of 512 and inside {@link ImageTraits#sizeBytes}. Data comes
 * and goes by iovecs; what was transferred has been consumed from them, so that after an error
 * exactly the rest is left. Transfers that overlap in time and range have no order.
 */
public interface Image extends AutoCloseable {
  /**
   * What {@link #tryRead} and {@link #tryWrite} answer if they would have to wait: {@code -EAGAIN}.
   */
  long WOULD_WAIT = -dev.basepoint.ipc.linux.Errno.EAGAIN;

  /** What this image is and can do; never changes. */
  ImageTraits traits();

  /**
   * Fills {@code data} from {@code offset} on; {@code -ENODATA} if the image has become shorter.
   */
  long read(long offset, IovecArray data);

  /** As {@link #read}, but answers {@link #WOULD_WAIT} rather than wait for a disk. */
  long tryRead(long offset, IovecArray data);

  /**
   * Writes {@code data} to {@code offset} and on.
   *
   * @param durable whether the data is on stable storage when this returns
   */
  long write(long offset, IovecArray data, boolean durable);

  /**
   * As {@link #write} of what need not be durable, but answers {@link #WOULD_WAIT} rather than wait
   * for a disk to read something from first.
   */
  default long tryWrite(long offset, IovecArray data) {
    return write(offset, data, false);
  }

  /** Puts every write that has returned before this call on stable storage. */
  long flush();

  /**
   * Gives a range back to the storage. What it reads as afterwards is undefined. {@code
   * -EOPNOTSUPP} if the storage cannot, after all.
   */
  long discard(long offset, long byteCount);

  /**
   * Makes a range read as zeros.
   *
   * @param mayDeallocate whether the storage under it may be given back
   */
  long writeZeroes(long offset, long byteCount, boolean mayDeallocate);

  /**
   * Opens a way to have many transfers in flight without threads, if the image has one.
   *
   * @param depth most transfers in flight
   */
  default Optional<TransferQueue> openTransferQueue(int depth) {
    return Optional.empty();
  }

  @Override
  void close();
}
