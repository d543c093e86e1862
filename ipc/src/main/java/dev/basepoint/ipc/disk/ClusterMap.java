package dev.basepoint.ipc.disk;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * What an overlay holds of each cluster: two bits, the first cluster's in the lowest bits of the
 * first byte.
 *
 * <pre>
 *   00 absent: the layers below show through    01 data: in this overlay    10 zeros
 * </pre>
 *
 * The map in use is a copy of the file's in sparse anonymous memory, and whoever changes it writes
 * the file's first. A mapping of the file itself would end the process by SIGBUS where the file
 * system is full or the file was truncated, and a fault in it would wait for the disk where only a
 * system call may.
 *
 * <p>Reading needs no lock: a cluster's state is published after its data. Changing does, one for
 * every {@link #LOCK_CLUSTERS}.
 */
public final class ClusterMap implements AutoCloseable {
  public static final int CLUSTER_BYTES = 4096;

  public static final int ABSENT = 0;
  public static final int DATA = 1;
  public static final int ZERO = 2;

  /** Clusters whose states share no word with others' in the map: whoever changes one locks all. */
  public static final int LOCK_CLUSTERS = 256;

  /** Bytes of the map that describe {@link #LOCK_CLUSTERS}: the room {@link #stage} needs. */
  public static final int STAGE_BYTES = LOCK_CLUSTERS / 4;

  static final int CLUSTERS_PER_BYTE = 4;
  private static final int CLUSTERS_PER_WORD = 32;

  private static final long LOW_BITS = 0x5555_5555_5555_5555L;
  private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

  private final Mapping mapping;
  private final MemorySegment words;

  private ClusterMap(Mapping mapping) {
    this.mapping = mapping;
    words = mapping.segment();
  }

  /** Copies and checks what the file has of its map; takes time and memory for nothing else. */
  static ClusterMap load(Fd file, OverlayHeader header) throws IOException {
    ClusterMap map = new ClusterMap(Mapping.anonymous(header.mapBytes()));
    try {
      long position = OpenFile.nextData(file, header.mapOffset());
      while (position >= 0 && position < header.dataOffset()) {
        long from = position & -CLUSTER_BYTES;
        long hole = (OpenFile.nextHole(file, position) + CLUSTER_BYTES - 1) & -CLUSTER_BYTES;
        long to = Math.min(hole, header.dataOffset());
        map.read(file, from, from - header.mapOffset(), to - from);
        map.check(from - header.mapOffset(), to - header.mapOffset(), header.clusterCount());
        position = OpenFile.nextData(file, to);
      }
      return map;
    } catch (IOException | RuntimeException e) {
      map.close();
      throw e;
    }
  }

  private void read(Fd file, long fileOffset, long offset, long byteCount) throws IOException {
    long done = 0;
    while (done < byteCount) {
      MemorySegment rest = words.asSlice(offset + done, byteCount - done);
      long count =
          ErrnoException.check(
              Syscalls.pread(file.number(), rest, fileOffset + done), "read the cluster map");
      if (count == 0) {
        throw new IOException("the overlay became shorter while it was opened");
      }
      done += count;
    }
  }

  private void check(long from, long to, long clusterCount) throws IOException {
    for (long at = from; at < to; at += Long.BYTES) {
      long word = words.get(ValueLayout.JAVA_LONG, at);
      long first = at * CLUSTERS_PER_BYTE;
      long beyond =
          first >= clusterCount
              ? -1L
              : clusterCount - first >= CLUSTERS_PER_WORD ? 0 : -1L << (2 * (clusterCount - first));
      if ((word & (word >>> 1) & LOW_BITS) != 0 || (word & beyond) != 0) {
        throw new IOException(
            "the overlay's cluster map is damaged near cluster " + Math.min(first, clusterCount));
      }
    }
  }

  /** A cluster's state. */
  public int state(long cluster) {
    return (int) (word(cluster) >>> shift(cluster)) & 3;
  }

  /**
   * Where a run of clusters in one state ends.
   *
   * @param cluster the first, just seen in {@code state}, so that the run has at least one
   * @param limit where to stop looking
   * @return the first cluster in another state, at most {@code limit}
   */
  public long runEnd(long cluster, int state, long limit) {
    long pattern = LOW_BITS * state;
    long at = cluster;
    while (at < limit) {
      long different = (word(at) ^ pattern) >>> shift(at);
      if (different != 0) {
        long end = at + Long.numberOfTrailingZeros(different) / 2;
        return Math.clamp(end, cluster + 1, limit);
      }
      at += CLUSTERS_PER_WORD - at % CLUSTERS_PER_WORD;
    }
    return limit;
  }

  /** The first cluster from {@code cluster} on that has data here, at most {@code limit}. */
  public long nextData(long cluster, long limit) {
    long at = cluster;
    while (at < limit) {
      long data = (word(at) & LOW_BITS) >>> shift(at);
      if (data != 0) {
        return Math.min(limit, at + Long.numberOfTrailingZeros(data) / 2);
      }
      at += CLUSTERS_PER_WORD - at % CLUSTERS_PER_WORD;
    }
    return limit;
  }

  private static long shift(long cluster) {
    return 2 * (cluster % CLUSTERS_PER_WORD);
  }

  private long word(long cluster) {
    return (long) WORD.getAcquire(words, cluster / CLUSTERS_PER_WORD * Long.BYTES);
  }

  /**
   * Prepares a change, which is to be written to the file at {@link #stageOffset} and then {@link
   * #publish published}. The caller holds the lock of all of the clusters from here to there.
   *
   * @param first and {@code end} lie within the clusters of one lock
   * @param stage receives the changed part of the map
   * @return the bytes to write
   */
  public int stage(long first, long end, int state, MemorySegment stage) {
    long pattern = LOW_BITS * state;
    long firstWord = first / CLUSTERS_PER_WORD;
    int count = (int) ((end - 1) / CLUSTERS_PER_WORD - firstWord) + 1;
    for (int i = 0; i < count; i++) {
      long wordStart = (firstWord + i) * CLUSTERS_PER_WORD;
      long mask = bitsFrom(first - wordStart) & ~bitsFrom(end - wordStart);
      long word = (word(wordStart) & ~mask) | (pattern & mask);
      stage.set(ValueLayout.JAVA_LONG, (long) i * Long.BYTES, word);
    }
    return count * Long.BYTES;
  }

  /** The bits of the clusters from {@code index} on in a word. */
  private static long bitsFrom(long index) {
    return index <= 0 ? -1L : index >= CLUSTERS_PER_WORD ? 0 : -1L << (2 * index);
  }

  /** Where in the map a staged change of {@code first} and its followers lies. */
  public static long stageOffset(long first) {
    return first / CLUSTERS_PER_WORD * Long.BYTES;
  }

  /** Lets readers see a change. */
  public void publish(long first, MemorySegment stage, int stagedBytes) {
    long offset = stageOffset(first);
    for (int i = 0; i < stagedBytes; i += Long.BYTES) {
      WORD.setRelease(words, offset + i, stage.get(ValueLayout.JAVA_LONG, i));
    }
  }

  /** Gives the memory back; nobody may be using the map. */
  @Override
  public void close() {
    mapping.close();
  }
}
