package dev.basepoint.device.blk;

import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.server.QueuePort;
import dev.basepoint.ipc.virtqueue.RangeSink;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One request in flight, copied out of shared memory and checked. Reused; owned by the queue
 * thread, and between hand-over and completion by one I/O thread.
 */
final class BlkRequest {
  /** What is to be done with the image. */
  enum Operation {
    READ,
    WRITE,
    FLUSH,
    DISCARD,
    WRITE_ZEROES
  }

  /** Identifies the request among the device's, for completions. */
  final int token;

  /** Data still to be transferred; for reads, the bytes not yet written. */
  final IovecArray data;

  /** Adds to {@link #data}; made once, since a method reference would allocate. */
  final RangeSink dataSink;

  final long[] rangeOffsets = new long[RequestLimits.RANGES_MAX];
  final long[] rangeBytes = new long[RequestLimits.RANGES_MAX];
  final boolean[] rangeUnmap = new boolean[RequestLimits.RANGES_MAX];
  int rangeCount;

  Operation operation;

  /** Where in the image the data ends. */
  long endOffset;

  /** Data bytes asked for. */
  long byteCount;

  /** Whether the write must be on stable storage before it completes. */
  boolean durable;

  /** Whether it was handed over only to keep another CPU busy. */
  boolean shared;

  QueuePort queue;
  int headId;
  long startNanos;

  /** Everything the driver lets us write, the status included. */
  long writableBytes;

  private MemorySegment statusMemory;
  private long statusOffset;

  BlkRequest(int token, int segments) {
    this.token = token;
    data = new IovecArray(segments);
    dataSink = data::add;
  }

  /** Where in the image the data still to be transferred starts. */
  long offset() {
    return endOffset - data.totalBytes();
  }

  void setStatusPlace(MemorySegment memory, long offset) {
    statusMemory = memory;
    statusOffset = offset;
  }

  void putStatus(int status) {
    statusMemory.set(ValueLayout.JAVA_BYTE, statusOffset, (byte) status);
  }
}
