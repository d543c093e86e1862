package dev.basepoint.device.blk.image;

import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.util.Optional;

/**
 * A regular file or block device whose bytes are the disk's bytes. Never mapped: a truncated file
 * would end the process by SIGBUS, while a read of it merely fails.
 */
public final class RawImage implements Image {
  private static final int PUNCH_HOLE =
      Syscalls.FALLOC_FL_PUNCH_HOLE | Syscalls.FALLOC_FL_KEEP_SIZE;
  private static final int ZERO_RANGE =
      Syscalls.FALLOC_FL_ZERO_RANGE | Syscalls.FALLOC_FL_KEEP_SIZE;

  private final Fd fd;
  private final ImageTraits traits;

  /** Null for buffered I/O, which has no alignment to keep. */
  private final DirectTransfer direct;

  // Learnt while serving: a file system tells only when asked.
  private volatile boolean canPunch;
  private volatile boolean canZeroRange = true;
  private volatile boolean canReadNoWait = true;
  private volatile boolean canWriteDurably = true;

  private RawImage(Fd fd, ImageTraits traits, DirectTransfer direct, boolean canPunch) {
    this.fd = fd;
    this.traits = traits;
    this.direct = direct;
    this.canPunch = canPunch;
  }

  /**
   * Takes an open image over and finds out what it can do.
   *
   * @param fd owned by the image from now on, unless this fails
   * @param readOnly whether to refuse writes
   * @throws IOException if it cannot be a disk; the message is one sentence that says why
   */
  public static RawImage open(Fd fd, boolean readOnly) throws IOException {
    FileStatus status = FileStatus.of(fd);
    int flags = OpenFile.statusFlags(fd);
    if (status.type() == FileStatus.Type.OTHER) {
      throw new IOException("the image is neither a regular file nor a block device");
    }
    if (!readOnly && (flags & OpenFile.O_ACCMODE) != OpenFile.O_RDWR) {
      throw new IOException("the image is to be writable but was not opened for writing");
    }
    if ((flags & OpenFile.O_APPEND) != 0) {
      throw new IOException("the image was opened for appending, so writes would miss their place");
    }
    if (status.sizeBytes() < ImageGeometry.SECTOR_BYTES
        || status.sizeBytes() % ImageGeometry.SECTOR_BYTES != 0) {
      throw new IOException(
          "the image has "
              + status.sizeBytes()
              + " bytes; a disk needs a multiple of "
              + ImageGeometry.SECTOR_BYTES);
    }
    DirectTransfer direct = null;
    if ((flags & OpenFile.O_DIRECT) != 0 && !status.inMemory()) {
      ImageGeometry geometry = ImageGeometry.of(status);
      if (status.sizeBytes() % geometry.offsetAlignment() != 0) {
        throw new IOException(
            "O_DIRECT needs an image of whole blocks of "
                + geometry.offsetAlignment()
                + " bytes, and it has "
                + status.sizeBytes()
                + " bytes; open it buffered");
      }
      direct = new DirectTransfer(fd, geometry);
    }
    boolean punch = !readOnly && canPunch(fd, status);
    Waiting waiting =
        status.inMemory() ? Waiting.NEVER : direct != null ? Waiting.ALWAYS : Waiting.SELDOM;
    ImageTraits traits =
        new ImageTraits(
            status.sizeBytes(),
            readOnly,
            punch,
            Math.max(ImageGeometry.SECTOR_BYTES, Integer.highestOneBit(status.ioBlockBytes())),
            waiting,
            waiting);
    return new RawImage(fd, traits, direct, punch);
  }

  /**
   * Tries to make a hole past the end, where there is nothing to lose. A block device has no place
   * there and learns while serving; so does ZERO_RANGE, which would allocate space there.
   */
  private static boolean canPunch(Fd fd, FileStatus status) {
    return status.type() == FileStatus.Type.BLOCK_DEVICE
        || Syscalls.fallocate(fd.number(), PUNCH_HOLE, status.sizeBytes(), status.ioBlockBytes())
            == 0;
  }

  @Override
  public ImageTraits traits() {
    return traits;
  }

  @Override
  public long read(long offset, IovecArray data) {
    if (direct != null && !direct.isAligned(offset, data)) {
      return direct.read(offset, data);
    }
    long at = offset;
    while (data.totalBytes() > 0) {
      long count = Syscalls.preadv(fd.number(), data, at);
      if (count > 0) {
        data.consume(count);
        at += count;
      } else if (count == 0) {
        return -Errno.ENODATA;
      } else if (count != -Errno.EINTR) {
        return count;
      }
    }
    return 0;
  }

  @Override
  public long tryRead(long offset, IovecArray data) {
    if (!canReadNoWait) {
      return WOULD_WAIT;
    }
    long at = offset;
    while (data.totalBytes() > 0) {
      long count = Syscalls.preadv2(fd.number(), data, at, Syscalls.RWF_NOWAIT);
      if (count > 0) {
        data.consume(count);
        at += count;
      } else if (count == 0) {
        return -Errno.ENODATA;
      } else if (count == -Errno.EOPNOTSUPP) {
        canReadNoWait = false;
        return WOULD_WAIT;
      } else if (count != -Errno.EINTR) {
        return count;
      }
    }
    return 0;
  }

  @Override
  public long write(long offset, IovecArray data, boolean durable) {
    if (direct != null && !direct.isAligned(offset, data)) {
      long result = direct.write(offset, data);
      return result == 0 && durable ? flush() : result;
    }
    long at = offset;
    while (data.totalBytes() > 0) {
      long count =
          durable && canWriteDurably
              ? Syscalls.pwritev2(fd.number(), data, at, Syscalls.RWF_DSYNC)
              : Syscalls.pwritev(fd.number(), data, at);
      if (count > 0) {
        data.consume(count);
        at += count;
      } else if (count == -Errno.EOPNOTSUPP && durable && canWriteDurably) {
        canWriteDurably = false;
      } else if (count == 0) {
        return -Errno.EIO;
      } else if (count != -Errno.EINTR) {
        return count;
      }
    }
    return durable && !canWriteDurably ? flush() : 0;
  }

  @Override
  public long flush() {
    long result = Syscalls.fdatasync(fd.number());
    while (result == -Errno.EINTR) {
      result = Syscalls.fdatasync(fd.number());
    }
    return result;
  }

  @Override
  public long discard(long offset, long byteCount) {
    long result = canPunch ? fallocate(PUNCH_HOLE, offset, byteCount) : -Errno.EOPNOTSUPP;
    if (result == -Errno.EOPNOTSUPP) {
      canPunch = false;
    }
    return result;
  }

  @Override
  public long writeZeroes(long offset, long byteCount, boolean mayDeallocate) {
    long result = -Errno.EOPNOTSUPP;
    if (mayDeallocate) {
      result = discard(offset, byteCount);
    }
    if (result == -Errno.EOPNOTSUPP && canZeroRange) {
      result = fallocate(ZERO_RANGE, offset, byteCount);
      canZeroRange = result != -Errno.EOPNOTSUPP;
    }
    return result == -Errno.EOPNOTSUPP ? writeZeroBytes(offset, byteCount) : result;
  }

  private long fallocate(int mode, long offset, long byteCount) {
    if (direct != null && direct.isPartial(offset, byteCount)) {
      synchronized (direct.partialWrites()) {
        return retryFallocate(mode, offset, byteCount);
      }
    }
    return retryFallocate(mode, offset, byteCount);
  }

  private long retryFallocate(int mode, long offset, long byteCount) {
    long result = Syscalls.fallocate(fd.number(), mode, offset, byteCount);
    while (result == -Errno.EINTR) {
      result = Syscalls.fallocate(fd.number(), mode, offset, byteCount);
    }
    return result;
  }

  /** The way that always works; slow, so the little it allocates does not matter. */
  private long writeZeroBytes(long offset, long byteCount) {
    IovecArray zeros = new IovecArray(1);
    long done = 0;
    while (done < byteCount) {
      long step = Math.min(byteCount - done, Zeros.BYTES);
      zeros.clear();
      zeros.add(Zeros.SEGMENT, 0, step);
      long result = write(offset + done, zeros, false);
      if (result < 0) {
        return result;
      }
      done += step;
    }
    return 0;
  }

  @Override
  public Optional<TransferQueue> openTransferQueue(int depth) {
    if (direct == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(new DirectQueue(fd, direct, depth));
    } catch (ErrnoException e) {
      // The host has no room for more native AIO (fs.aio-max-nr); threads serve as well.
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    fd.close();
  }
}
