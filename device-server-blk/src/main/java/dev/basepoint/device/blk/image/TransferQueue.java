package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;

/**
 * Transfers that a disk completes later without a thread waiting for each. Belongs to one thread.
 */
public interface TransferQueue extends AutoCloseable {
  /** Hears of transfers that have ended. */
  interface Receiver {
    /**
     * A transfer has ended.
     *
     * @param result bytes transferred, perhaps fewer than asked for, or {@code -errno}
     */
    void onTransferred(int token, long result);
  }

  /**
   * Adds a transfer for the next {@link #submit}. The data stays as it is; its memory belongs to
   * the transfer until that has ended.
   *
   * @param durable whether written data is to be on stable storage at the end
   * @param token names the transfer
   * @return false if it cannot be taken: there is no room, or the disk does not take such memory
   */
  boolean add(boolean write, boolean durable, long offset, IovecArray data, int token);

  /** Starts what was added; reports what could not be started. */
  void submit(Receiver receiver);

  /** Readable when {@link #reap} has something to report. */
  Fd fd();

  /** Reports transfers that have ended. */
  void reap(Receiver receiver);

  /** Waits for what is in flight and ends. */
  @Override
  void close();
}
