package dev.basepoint.ipc.disk;

import java.io.IOException;
import java.util.List;

/**
 * Tells which layer shows a cluster.
 *
 * <pre>
 *   overlay 2   . . D . . . Z .       D data, Z zeros, . absent
 *   overlay 1   . D D . . D D .
 *   base        b b b b b b b b
 *   shown       b 1 2 b b 1 Z b
 * </pre>
 */
public final class LayerChain {
  /** The source of clusters that no overlay has; overlays follow from 1 on, bottom to top. */
  public static final int BASE = 0;

  /** The source of clusters that are zeros. */
  public static final int ZEROS = 1000;

  private static final int SOURCE_SHIFT = 48;

  private final ClusterMap[] maps;

  private LayerChain(ClusterMap[] maps) {
    this.maps = maps;
  }

  /**
   * Checks that overlays fit together.
   *
   * @param overlays bottom to top
   * @param writable whether the last is to be written to
   * @throws IOException if they do not; one sentence names the first that does not
   */
  public static LayerChain of(long baseBytes, List<Overlay> overlays, boolean writable)
      throws IOException {
    ClusterMap[] maps = new ClusterMap[overlays.size()];
    for (int i = 0; i < maps.length; i++) {
      Overlay overlay = overlays.get(i);
      boolean top = i == maps.length - 1;
      String name = "overlay " + (i + 1) + " of " + maps.length;
      if (overlay.virtualBytes() != baseBytes) {
        throw new IOException(
            name
                + " belongs to a disk of "
                + overlay.virtualBytes()
                + " bytes, and the base image has "
                + baseBytes);
      }
      if (!top && !overlay.isFrozen()) {
        throw new IOException(name + " has others above it but is not frozen; freeze it first");
      }
      if (top && writable && overlay.isFrozen()) {
        throw new IOException(
            name + " is frozen and cannot be written to; put a new overlay above it");
      }
      maps[i] = overlay.clusters();
    }
    return new LayerChain(maps);
  }

  /** How many overlays there are; also the source of the topmost one. */
  public int overlayCount() {
    return maps.length;
  }

  /**
   * Finds the source of a cluster, and of those after it that have the same.
   *
   * @param top the overlay to start from; those above it are left out
   * @param cluster the first
   * @param limit where to stop looking, more than {@code cluster}
   * @return what {@link #source} and {@link #count} take apart; a pair would be allocated
   */
  public long find(int top, long cluster, long limit) {
    long end = limit;
    for (int i = top; i > 0; i--) {
      ClusterMap map = maps[i - 1];
      int state = map.state(cluster);
      end = map.runEnd(cluster, state, end);
      if (state != ClusterMap.ABSENT) {
        long source = state == ClusterMap.DATA ? i : ZEROS;
        return (source << SOURCE_SHIFT) | (end - cluster);
      }
    }
    return ((long) BASE << SOURCE_SHIFT) | (end - cluster);
  }

  /** The source of clusters found: {@link #BASE}, {@link #ZEROS} or an overlay. */
  public static int source(long found) {
    return (int) (found >>> SOURCE_SHIFT);
  }

  /** How many clusters, at least one, have that source. */
  public static long count(long found) {
    return found & ((1L << SOURCE_SHIFT) - 1);
  }
}
