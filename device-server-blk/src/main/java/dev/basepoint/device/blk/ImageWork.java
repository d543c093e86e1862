package dev.basepoint.device.blk;

import dev.basepoint.device.blk.image.Image;

/** Carries requests out on an image; safe for all threads. Results are 0 or {@code -errno}. */
final class ImageWork {
  private final Image image;

  ImageWork(Image image) {
    this.image = image;
  }

  /** Carries {@code request} out, however long the disk takes. */
  long run(BlkRequest request) {
    return switch (request.operation) {
      case READ -> read(request);
      case WRITE -> image.write(request.offset(), request.data, request.durable);
      case FLUSH -> image.flush();
      case DISCARD, WRITE_ZEROES -> changeRanges(request);
    };
  }

  /** Reads only what the page cache has; {@link Image#WOULD_WAIT} leaves the rest to be read. */
  long tryRead(BlkRequest request) {
    long result = image.tryRead(request.offset(), request.data);
    if (result != Image.WOULD_WAIT) {
      request.data.zero();
    }
    return result;
  }

  /** Writes what needs no disk to be read first; the rest is left at {@link Image#WOULD_WAIT}. */
  long tryWrite(BlkRequest request) {
    return image.tryWrite(request.offset(), request.data);
  }

  private long read(BlkRequest request) {
    long result = image.read(request.offset(), request.data);
    // After a failure: the length we report covers these bytes, and stale ones are not for the
    // guest.
    request.data.zero();
    return result;
  }

  private long changeRanges(BlkRequest request) {
    long result = 0;
    for (int i = 0; i < request.rangeCount && result == 0; i++) {
      long offset = request.rangeOffsets[i];
      long byteCount = request.rangeBytes[i];
      result =
          request.operation == BlkRequest.Operation.DISCARD
              ? image.discard(offset, byteCount)
              : image.writeZeroes(offset, byteCount, request.rangeUnmap[i]);
    }
    return result == 0 && request.durable ? image.flush() : result;
  }
}
