package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.IovecArray.Direction;
import dev.basepoint.ipc.linux.Syscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * O_DIRECT transfers that the kernel would refuse, because memory, length or offset is not aligned:
 * they go through an aligned buffer. A guest's page-sized buffers never come here.
 *
 * <pre>
 *              offset                 offset + count
 *   file  | . . . [ head block | ...... | tail block ] . . . |   blocks of offsetAlignment
 *         aligned down                          aligned up
 * </pre>
 *
 * Each I/O thread has one buffer, so that threads bound the memory and none waits for another.
 */
final class DirectTransfer {
  private static final int BUFFER_BYTES = 256 << 10;
  private static final int BUFFER_ALIGNMENT = 4096;

  private final Fd fd;
  private final ImageGeometry geometry;
  private final ThreadLocal<Buffer> buffers = ThreadLocal.withInitial(Buffer::new);

  private final Object partialWrites = new Object();

  private static final class Buffer {
    final MemorySegment bytes = Arena.ofAuto().allocate(BUFFER_BYTES, BUFFER_ALIGNMENT);
    final IovecArray iovec = new IovecArray(1);
  }

  DirectTransfer(Fd fd, ImageGeometry geometry) {
    this.fd = fd;
    this.geometry = geometry;
  }

  /**
   * Held while a part of a block is changed. Since a write of a part reads the block first and
   * writes it back, nobody may change another part of it meanwhile.
   */
  Object partialWrites() {
    return partialWrites;
  }

  /** Whether a range has parts of blocks. */
  boolean isPartial(long offset, long byteCount) {
    return ((offset | byteCount) & (geometry.offsetAlignment() - 1)) != 0;
  }

  /** Whether the kernel takes this transfer as it is. */
  boolean isAligned(long offset, IovecArray data) {
    return !isPartial(offset, data.totalBytes()) && data.isAligned(geometry.memoryAlignment());
  }

  long read(long offset, IovecArray data) {
    Buffer buffer = buffers.get();
    long at = offset;
    while (data.totalBytes() > 0) {
      long start = alignDown(at);
      long step = Math.min(data.totalBytes(), BUFFER_BYTES - (at - start));
      long result = fill(buffer, start, alignUp(at + step) - start);
      if (result < 0) {
        return result;
      }
      data.copy(buffer.bytes.asSlice(at - start), step, Direction.FROM_TARGET);
      data.consume(step);
      at += step;
    }
    return 0;
  }

  long write(long offset, IovecArray data) {
    Buffer buffer = buffers.get();
    long at = offset;
    while (data.totalBytes() > 0) {
      long start = alignDown(at);
      long step = Math.min(data.totalBytes(), BUFFER_BYTES - (at - start));
      long end = alignUp(at + step);
      long result;
      if (start == at && end == at + step) {
        data.copy(buffer.bytes, step, Direction.TO_TARGET);
        result = drain(buffer, start, step);
      } else {
        result = writePart(buffer, at, data, step);
      }
      if (result < 0) {
        return result;
      }
      data.consume(step);
      at += step;
    }
    return 0;
  }

  private long writePart(Buffer buffer, long at, IovecArray data, long step) {
    long start = alignDown(at);
    long count = alignUp(at + step) - start;
    synchronized (partialWrites) {
      long result = fill(buffer, start, count);
      if (result < 0) {
        return result;
      }
      data.copy(buffer.bytes.asSlice(at - start), step, Direction.TO_TARGET);
      return drain(buffer, start, count);
    }
  }

  private long fill(Buffer buffer, long offset, long byteCount) {
    return transfer(buffer, offset, byteCount, false);
  }

  private long drain(Buffer buffer, long offset, long byteCount) {
    return transfer(buffer, offset, byteCount, true);
  }

  private long transfer(Buffer buffer, long offset, long byteCount, boolean write) {
    IovecArray iovec = buffer.iovec;
    iovec.clear();
    iovec.add(buffer.bytes, 0, byteCount);
    while (iovec.totalBytes() > 0) {
      long at = offset + byteCount - iovec.totalBytes();
      long count =
          write
              ? Syscalls.pwritev(fd.number(), iovec, at)
              : Syscalls.preadv(fd.number(), iovec, at);
      if (count > 0) {
        iovec.consume(count);
      } else if (count == 0) {
        return write ? -Errno.EIO : -Errno.ENODATA;
      } else if (count != -Errno.EINTR) {
        return count;
      }
    }
    return 0;
  }

  private long alignDown(long offset) {
    return offset & -geometry.offsetAlignment();
  }

  private long alignUp(long offset) {
    return alignDown(offset + geometry.offsetAlignment() - 1);
  }
}
