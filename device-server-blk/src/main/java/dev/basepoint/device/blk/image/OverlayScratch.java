package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.disk.ClusterMap;
import dev.basepoint.ipc.linux.IovecArray;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What a thread needs to serve a request of an overlay, so that none allocates. */
final class OverlayScratch {
  /** IOV_MAX; a request has fewer segments by far. */
  private static final int ENTRIES = 1024;

  /** A part of a request's data. */
  final IovecArray part = new IovecArray(ENTRIES);

  /** Whole clusters: old data, a request's data, old data. */
  final IovecArray clusters = new IovecArray(ENTRIES);

  /** One cluster of {@link #oldData}, or {@link #stage}. */
  final IovecArray single = new IovecArray(1);

  /** Zeros to be written. */
  final IovecArray zeros = new IovecArray(1);

  /** The first and the last cluster of a run as they were. */
  final MemorySegment oldData =
      Arena.ofAuto().allocate(2L * ClusterMap.CLUSTER_BYTES, ClusterMap.CLUSTER_BYTES);

  /** A part of the cluster map. */
  final MemorySegment stage = Arena.ofAuto().allocate(ClusterMap.STAGE_BYTES, Long.BYTES);
}
