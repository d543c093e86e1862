package dev.basepoint.ipc.virtqueue;

import java.lang.foreign.MemorySegment;

/** Takes memory ranges one by one; {@code iovecArray::add} is one. */
@FunctionalInterface
public interface RangeSink {
  /** Takes {@code byteCount} bytes of {@code memory} from {@code offset} on. */
  void add(MemorySegment memory, long offset, long byteCount);
}
