package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.disk.ClusterMap;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Changes the topmost overlay of a disk. Data that is there already is overwritten without a lock.
 * A cluster changes its state under the lock of its neighbourhood:
 *
 * <pre>
 *   |  old  |   request's data    | old |     one write
 *   |  cluster 7  |  8  |  cluster 9    |
 *   then the map in the file, then the map in memory
 * </pre>
 *
 * If anything of that fails, the clusters stay what they were, and the space goes back.
 */
final class OverlayWriter {
  private static final int CLUSTER_BYTES = ClusterMap.CLUSTER_BYTES;

  /** Neighbourhoods that are far apart share a lock. */
  private static final int LOCKS = 64;

  private final OverlayImage image;
  private final RawImage file;
  private final ClusterMap map;
  private final long mapOffset;
  private final long dataOffset;
  private final long sizeBytes;
  private final ReentrantLock[] locks = new ReentrantLock[LOCKS];

  OverlayWriter(OverlayImage image, Overlay overlay, RawImage file) {
    this.image = image;
    this.file = file;
    map = overlay.clusters();
    mapOffset = overlay.mapOffset();
    dataOffset = overlay.dataOffset();
    sizeBytes = overlay.virtualBytes();
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new ReentrantLock();
    }
  }

  /**
   * Writes {@code data}.
   *
   * @param mayWait whether to wait for a disk to read parts of clusters from, or for a thread that
   *     does; otherwise the answer is {@link Image#WOULD_WAIT} and the rest is left
   */
  long write(long offset, IovecArray data, boolean mayWait) {
    long at = offset;
    while (data.totalBytes() > 0) {
      long before = data.totalBytes();
      long cluster = at / CLUSTER_BYTES;
      long limit = (at + before - 1) / CLUSTER_BYTES + 1;
      long result;
      if (map.state(cluster) == ClusterMap.DATA) {
        long end = map.runEnd(cluster, ClusterMap.DATA, limit) * CLUSTER_BYTES;
        result = overwrite(at, data, Math.min(before, end - at));
      } else {
        ReentrantLock lock = lock(cluster);
        if (mayWait) {
          lock.lock();
        } else if (!lock.tryLock()) {
          return Image.WOULD_WAIT;
        }
        try {
          long end = map.nextData(cluster, Math.min(limit, lockEnd(cluster))) * CLUSTER_BYTES;
          // None are left if another thread was first: then they are to be overwritten.
          result = end <= at ? 0 : allocate(at, data, Math.min(before, end - at), mayWait);
        } finally {
          lock.unlock();
        }
      }
      at += before - data.totalBytes();
      if (result != 0) {
        return result;
      }
    }
    return 0;
  }

  private ReentrantLock lock(long cluster) {
    return locks[(int) (cluster / ClusterMap.LOCK_CLUSTERS % LOCKS)];
  }

  private static long lockEnd(long cluster) {
    return (cluster / ClusterMap.LOCK_CLUSTERS + 1) * ClusterMap.LOCK_CLUSTERS;
  }

  private long overwrite(long offset, IovecArray data, long byteCount) {
    if (byteCount == data.totalBytes()) {
      return file.write(dataOffset + offset, data, false);
    }
    IovecArray part = image.scratch().part;
    part.clear();
    part.addPrefix(data, byteCount);
    long result = file.write(dataOffset + offset, part, false);
    data.consume(byteCount - part.totalBytes());
    return result;
  }

  /** Writes clusters without data here; the lock is held. Consumes all of the bytes or none. */
  private long allocate(long offset, IovecArray data, long byteCount, boolean mayWait) {
    OverlayScratch scratch = image.scratch();
    long first = offset / CLUSTER_BYTES;
    long last = (offset + byteCount - 1) / CLUSTER_BYTES;
    long head = offset - first * CLUSTER_BYTES;
    long tail = (last + 1) * CLUSTER_BYTES - (offset + byteCount);
    long lastAt = last == first ? 0 : CLUSTER_BYTES;
    if (head > 0 || (tail > 0 && last == first)) {
      long result = readOld(scratch, first, 0, mayWait);
      if (result != 0) {
        return result;
      }
    }
    if (tail > 0 && last != first) {
      long result = readOld(scratch, last, lastAt, mayWait);
      if (result != 0) {
        return result;
      }
    }
    IovecArray clusters = scratch.clusters;
    clusters.clear();
    if (head > 0) {
      clusters.add(scratch.oldData, 0, head);
    }
    clusters.addPrefix(data, byteCount);
    if (tail > 0) {
      clusters.add(scratch.oldData, lastAt + CLUSTER_BYTES - tail, tail);
    }
    long result = file.write(dataOffset + first * CLUSTER_BYTES, clusters, false);
    if (result == 0) {
      result = mark(first, last + 1, ClusterMap.DATA);
    }
    if (result == 0) {
      data.consume(byteCount);
    } else {
      giveBack(first, last + 1);
    }
    return result;
  }

  /** Reads a cluster that has no data here; beyond the disk's end are zeros. */
  private long readOld(OverlayScratch scratch, long cluster, long at, boolean mayWait) {
    MemorySegment oldData = scratch.oldData;
    long start = cluster * CLUSTER_BYTES;
    long length = Math.min(CLUSTER_BYTES, sizeBytes - start);
    if (length < CLUSTER_BYTES || map.state(cluster) == ClusterMap.ZERO) {
      MemorySegment.copy(Zeros.SEGMENT, 0, oldData, at, CLUSTER_BYTES);
      if (map.state(cluster) == ClusterMap.ZERO) {
        return 0;
      }
    }
    scratch.single.clear();
    scratch.single.add(oldData, at, length);
    return image.readBelow(start, scratch.single, mayWait);
  }

  /** Changes the map, in the file first; the lock is held. */
  private long mark(long first, long end, int state) {
    OverlayScratch scratch = image.scratch();
    int bytes = map.stage(first, end, state, scratch.stage);
    scratch.single.clear();
    scratch.single.add(scratch.stage, 0, bytes);
    long result = file.write(mapOffset + ClusterMap.stageOffset(first), scratch.single, false);
    if (result == 0) {
      map.publish(first, scratch.stage, bytes);
    }
    return result;
  }

  /** Frees the space of clusters whose data nobody sees; a file that cannot keeps it. */
  private void giveBack(long first, long end) {
    file.discard(dataOffset + first * CLUSTER_BYTES, (end - first) * CLUSTER_BYTES);
  }

  /** Makes a range read as zeros. */
  long zero(long offset, long byteCount, boolean mayDeallocate) {
    long at = offset;
    long end = offset + byteCount;
    // What follows the disk's end in its last cluster may be zeroed with it.
    long wholeEnd = end == sizeBytes ? Math.ceilDiv(end, CLUSTER_BYTES) : end / CLUSTER_BYTES;
    while (at < end) {
      long cluster = at / CLUSTER_BYTES;
      long stop;
      long result;
      if (at % CLUSTER_BYTES == 0 && cluster < wholeEnd) {
        long clusterEnd = Math.min(wholeEnd, lockEnd(cluster));
        stop = Math.min(end, clusterEnd * CLUSTER_BYTES);
        result = zeroClusters(cluster, clusterEnd, mayDeallocate);
      } else {
        stop = Math.min(end, (cluster + 1) * CLUSTER_BYTES);
        result = map.state(cluster) == ClusterMap.ZERO ? 0 : writeZeros(at, stop - at);
      }
      if (result != 0) {
        return result;
      }
      at = stop;
    }
    return 0;
  }

  private long zeroClusters(long first, long end, boolean mayDeallocate) {
    ReentrantLock lock = lock(first);
    lock.lock();
    try {
      int state = map.state(first);
      boolean uniform = map.runEnd(first, state, end) == end;
      long result = uniform && state == ClusterMap.ZERO ? 0 : mark(first, end, ClusterMap.ZERO);
      if (result == 0 && mayDeallocate && !(uniform && state == ClusterMap.ABSENT)) {
        giveBack(first, end);
      }
      return result;
    } finally {
      lock.unlock();
    }
  }

  private long writeZeros(long offset, long byteCount) {
    IovecArray zeros = image.scratch().zeros;
    zeros.clear();
    zeros.add(Zeros.SEGMENT, 0, byteCount);
    return write(offset, zeros, true);
  }
}
