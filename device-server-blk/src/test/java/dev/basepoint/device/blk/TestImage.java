package dev.basepoint.device.blk;

import dev.basepoint.device.blk.image.Image;
import dev.basepoint.device.blk.image.ImageTraits;
import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.device.blk.image.TransferQueue;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.IovecArray.Direction;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A disk of bytes in memory that remembers what was asked of it and fails or waits when told so.
 */
final class TestImage implements Image {
  final List<String> calls = new CopyOnWriteArrayList<>();
  private final ImageTraits traits;
  private final MemorySegment bytes;
  private final boolean recording;
  private final AtomicInteger writeCount = new AtomicInteger();

  /** Answers of the next calls, if not 0. */
  volatile long readResult;

  volatile long writeResult;
  volatile long flushResult;
  volatile long discardResult;

  /** What {@link #openTransferQueue} gives, if not null. */
  TransferQueue transferQueue;

  TestImage(int sizeBytes, Waiting waiting) {
    this(new ImageTraits(sizeBytes, false, true, 4096, waiting, waiting), true);
  }

  TestImage(ImageTraits traits, boolean recording) {
    this.traits = traits;
    this.recording = recording;
    bytes = Arena.ofAuto().allocate(traits.sizeBytes());
  }

  /** Changes of the content since the last {@link #takeWriteCount}. */
  int writeCount() {
    return writeCount.get();
  }

  int takeWriteCount() {
    return writeCount.getAndSet(0);
  }

  byte[] contents() {
    return bytes.toArray(ValueLayout.JAVA_BYTE);
  }

  byte[] contents(long offset, long byteCount) {
    return bytes.asSlice(offset, byteCount).toArray(ValueLayout.JAVA_BYTE);
  }

  void fill(byte[] content) {
    MemorySegment.copy(content, 0, bytes, ValueLayout.JAVA_BYTE, 0, content.length);
  }

  boolean isFilledWith(long offset, long byteCount, int value) {
    byte[] expected = new byte[(int) byteCount];
    Arrays.fill(expected, (byte) value);
    return Arrays.equals(expected, contents(offset, byteCount));
  }

  private void record(String what, long offset, long byteCount) {
    if (offset < 0
        || offset % 512 != 0
        || byteCount % 512 != 0
        || byteCount > traits.sizeBytes() - offset) {
      throw new AssertionError(what + " of " + byteCount + " bytes at " + offset);
    }
    if (recording) {
      calls.add(what + " " + offset + " " + byteCount);
    }
  }

  @Override
  public ImageTraits traits() {
    return traits;
  }

  @Override
  public long read(long offset, IovecArray data) {
    record("read", offset, data.totalBytes());
    if (readResult != 0) {
      return readResult;
    }
    long count = data.totalBytes();
    data.copy(bytes.asSlice(offset, count), count, Direction.FROM_TARGET);
    data.consume(count);
    return 0;
  }

  @Override
  public long tryRead(long offset, IovecArray data) {
    if (traits.readsWait() == Waiting.SELDOM && data.totalBytes() > 512) {
      // The first sector is in the cache, the rest is not.
      data.copy(bytes.asSlice(offset, 512), 512, Direction.FROM_TARGET);
      data.consume(512);
      return WOULD_WAIT;
    }
    return read(offset, data);
  }

  @Override
  public long write(long offset, IovecArray data, boolean durable) {
    record(durable ? "durable write" : "write", offset, data.totalBytes());
    if (writeResult != 0) {
      return writeResult;
    }
    writeCount.incrementAndGet();
    long count = data.totalBytes();
    data.copy(bytes.asSlice(offset, count), count, Direction.TO_TARGET);
    data.consume(count);
    return 0;
  }

  /** Transfers the first bytes of {@code data} and leaves it as it is. */
  void transfer(boolean write, long offset, IovecArray data, long byteCount) {
    Direction direction = write ? Direction.TO_TARGET : Direction.FROM_TARGET;
    data.copy(bytes.asSlice(offset, byteCount), byteCount, direction);
  }

  @Override
  public long flush() {
    record("flush", 0, 0);
    return flushResult;
  }

  @Override
  public long discard(long offset, long byteCount) {
    record("discard", offset, byteCount);
    return discardResult;
  }

  @Override
  public long writeZeroes(long offset, long byteCount, boolean mayDeallocate) {
    record(mayDeallocate ? "zero and deallocate" : "zero", offset, byteCount);
    if (writeResult != 0) {
      return writeResult;
    }
    writeCount.incrementAndGet();
    bytes.asSlice(offset, byteCount).fill((byte) 0);
    return 0;
  }

  @Override
  public Optional<TransferQueue> openTransferQueue(int depth) {
    return Optional.ofNullable(transferQueue);
  }

  @Override
  public void close() {
    calls.add("close");
  }
}
