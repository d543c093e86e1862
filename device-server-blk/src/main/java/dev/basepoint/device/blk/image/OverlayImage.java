package dev.basepoint.device.blk.image;

import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.ipc.disk.ClusterMap;
import dev.basepoint.ipc.disk.LayerChain;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A disk of layers: a raw base, frozen overlays, and on top one that takes what is written.
 *
 * <pre>
 *   read   -> per run of clusters with one source: one read of that file, or zeros
 *   write  -> data here already: in place, without a lock
 *          -> otherwise {@link OverlayWriter}: missing parts of clusters from below, data, then map
 *   zeros  -> whole clusters: a mark in the map;  parts: written
 * </pre>
 *
 * A cluster gets its mark only after its data has been written, and both before the request
 * completes; so whatever kills the process, the file holds all that was acknowledged.
 */
public final class OverlayImage implements Image {
  static final int CLUSTER_BYTES = ClusterMap.CLUSTER_BYTES;

  /** The base at 0, then the overlays, bottom to top. */
  private final RawImage[] files;

  /** Where in each file the disk's byte 0 would be. */
  private final long[] dataOffsets;

  private final LayerChain chain;
  private final ImageTraits traits;
  private final ThreadLocal<OverlayScratch> scratches =
      ThreadLocal.withInitial(OverlayScratch::new);

  /** Null if the disk is only read. */
  private final OverlayWriter writer;

  private OverlayImage(
      List<RawImage> files, List<Overlay> overlays, LayerChain chain, boolean readOnly) {
    this.files = files.toArray(RawImage[]::new);
    this.chain = chain;
    dataOffsets = new long[this.files.length];
    for (int i = 1; i < dataOffsets.length; i++) {
      dataOffsets[i] = overlays.get(i - 1).dataOffset();
    }
    traits = traits(readOnly);
    writer = readOnly ? null : new OverlayWriter(this, overlays.getLast(), topFile());
  }

  /**
   * Takes a base and overlays over.
   *
   * @param base owned by the image from now on, as are the layers, unless this fails
   * @param layers at least one, bottom to top; the last is written to unless {@code readOnly}
   * @throws IOException if they are no disk together; the message is one sentence that says why
   */
  public static OverlayImage open(Fd base, List<Fd> layers, boolean readOnly) throws IOException {
    List<RawImage> files = new ArrayList<>();
    List<Overlay> overlays = new ArrayList<>();
    try {
      files.add(RawImage.open(base, true));
      for (Fd layer : layers) {
        overlays.add(Overlay.open(layer));
        files.add(RawImage.open(layer, readOnly || layer != layers.getLast()));
      }
      long sizeBytes = files.getFirst().traits().sizeBytes();
      LayerChain chain = LayerChain.of(sizeBytes, overlays, !readOnly);
      return new OverlayImage(files, overlays, chain, readOnly);
    } catch (IOException | RuntimeException e) {
      overlays.forEach(Overlay::close);
      throw e;
    }
  }

  private ImageTraits traits(boolean readOnly) {
    Waiting reads = files[0].traits().readsWait();
    for (int i = 1; i < files.length; i++) {
      Waiting other = files[i].traits().readsWait();
      reads = reads == other ? reads : Waiting.SELDOM;
    }
    Waiting topWrites = topFile().traits().writesWait();
    // Even where the top is memory, the rest of a cluster may have to come from a disk.
    Waiting writes = topWrites == Waiting.NEVER && reads != topWrites ? Waiting.SELDOM : topWrites;
    return new ImageTraits(
        files[0].traits().sizeBytes(), readOnly, !readOnly, CLUSTER_BYTES, reads, writes);
  }

  private RawImage topFile() {
    return files[files.length - 1];
  }

  @Override
  public ImageTraits traits() {
    return traits;
  }

  @Override
  public long read(long offset, IovecArray data) {
    return read(chain.overlayCount(), offset, data, true);
  }

  @Override
  public long tryRead(long offset, IovecArray data) {
    return read(chain.overlayCount(), offset, data, false);
  }

  /** Reads what the layers from {@code top} down show. */
  private long read(int top, long offset, IovecArray data, boolean mayWait) {
    long at = offset;
    while (data.totalBytes() > 0) {
      long left = data.totalBytes();
      long cluster = at / CLUSTER_BYTES;
      long found = chain.find(top, cluster, (at + left - 1) / CLUSTER_BYTES + 1);
      int source = LayerChain.source(found);
      long end = (cluster + LayerChain.count(found)) * CLUSTER_BYTES;
      long result;
      if (end - at >= left) {
        result = readSource(source, at, data, mayWait);
      } else {
        IovecArray part = scratch().part;
        part.clear();
        part.addPrefix(data, end - at);
        result = readSource(source, at, part, mayWait);
        data.consume(end - at - part.totalBytes());
      }
      if (result != 0) {
        return result;
      }
      at = end;
    }
    return 0;
  }

  private long readSource(int source, long offset, IovecArray data, boolean mayWait) {
    if (source == LayerChain.ZEROS) {
      data.zero();
      data.clear();
      return 0;
    }
    RawImage file = files[source];
    long position = dataOffsets[source] + offset;
    Waiting waiting = file.traits().readsWait();
    if (mayWait || waiting == Waiting.NEVER) {
      return file.read(position, data);
    }
    return waiting == Waiting.ALWAYS ? WOULD_WAIT : file.tryRead(position, data);
  }

  /** Reads what the layers below the writable one show. */
  long readBelow(long offset, IovecArray data, boolean mayWait) {
    return read(chain.overlayCount() - 1, offset, data, mayWait);
  }

  OverlayScratch scratch() {
    return scratches.get();
  }

  @Override
  public long write(long offset, IovecArray data, boolean durable) {
    long result = writer.write(offset, data, true);
    return result == 0 && durable ? flush() : result;
  }

  @Override
  public long tryWrite(long offset, IovecArray data) {
    return writer.write(offset, data, false);
  }

  @Override
  public long flush() {
    return writer == null ? 0 : topFile().flush();
  }

  @Override
  public long discard(long offset, long byteCount) {
    return writer.zero(offset, byteCount, true);
  }

  @Override
  public long writeZeroes(long offset, long byteCount, boolean mayDeallocate) {
    return writer.zero(offset, byteCount, mayDeallocate);
  }

  /** The cluster maps stay: a thread that a disk has not let go of may still look at them. */
  @Override
  public void close() {
    for (RawImage file : files) {
      file.close();
    }
  }
}
