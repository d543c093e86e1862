package dev.basepoint.ipc.disk;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.zip.CRC32C;

/**
 * The first page of an overlay file, and where the rest lies.
 *
 * <pre>
 *   0       8         12      16             24             28         32      4096
 *   +-------+---------+-------+--------------+--------------+----------+-------+
 *   | magic | version | flags | virtualBytes | clusterBytes | checksum | zeros |
 *   +-------+---------+-------+--------------+--------------+----------+-------+
 *
 *   0        4096           dataOffset                     fileBytes
 *   +--------+--------------+------------------------------+
 *   | header | cluster map  | cluster 0 | cluster 1 | ...  |
 *   +--------+--------------+------------------------------+
 * </pre>
 *
 * All fields are little-endian. The checksum is CRC-32C of the page with the checksum as 0. Every
 * part starts on a page; the file is sparse and never changes its size. The last cluster is stored
 * in full even if the disk ends within it.
 *
 * @param virtualBytes the disk's size, a multiple of 512
 * @param frozen nobody may write to the overlay any more
 */
record OverlayHeader(long virtualBytes, boolean frozen) {
  static final int BYTES = 4096;
  static final int SECTOR_BYTES = 512;

  /** Larger disks would need more memory for the cluster map than a device server may have. */
  static final long VIRTUAL_BYTES_MAX = 8L << 40;

  private static final long MAGIC = 0x594c_5245_564f_5042L; // "BPOVERLY"
  private static final int VERSION = 1;
  private static final int FLAG_FROZEN = 1;

  private static final long MAGIC_OFFSET = 0;
  private static final long VERSION_OFFSET = 8;
  private static final long FLAGS_OFFSET = 12;
  private static final long VIRTUAL_BYTES_OFFSET = 16;
  private static final long CLUSTER_BYTES_OFFSET = 24;
  private static final long CHECKSUM_OFFSET = 28;
  private static final long END_OFFSET = 32;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

  /** Why a disk of this size can have no overlay, or null if it can. */
  static String whyNoDisk(long virtualBytes) {
    if (virtualBytes < SECTOR_BYTES || virtualBytes % SECTOR_BYTES != 0) {
      return "a disk of " + virtualBytes + " bytes is not a multiple of " + SECTOR_BYTES;
    }
    if (virtualBytes > VIRTUAL_BYTES_MAX) {
      return "a disk of " + virtualBytes + " bytes exceeds the limit of " + VIRTUAL_BYTES_MAX;
    }
    return null;
  }

  long clusterCount() {
    return (virtualBytes + ClusterMap.CLUSTER_BYTES - 1) / ClusterMap.CLUSTER_BYTES;
  }

  long mapOffset() {
    return BYTES;
  }

  /** Whole pages. */
  long mapBytes() {
    long perPage = (long) BYTES * ClusterMap.CLUSTERS_PER_BYTE;
    return (clusterCount() + perPage - 1) / perPage * BYTES;
  }

  long dataOffset() {
    return mapOffset() + mapBytes();
  }

  long fileBytes() {
    return dataOffset() + clusterCount() * ClusterMap.CLUSTER_BYTES;
  }

  void encode(MemorySegment page) {
    page.fill((byte) 0);
    page.set(U64, MAGIC_OFFSET, MAGIC);
    page.set(U32, VERSION_OFFSET, VERSION);
    page.set(U32, FLAGS_OFFSET, frozen ? FLAG_FROZEN : 0);
    page.set(U64, VIRTUAL_BYTES_OFFSET, virtualBytes);
    page.set(U32, CLUSTER_BYTES_OFFSET, ClusterMap.CLUSTER_BYTES);
    page.set(U32, CHECKSUM_OFFSET, checksum(page));
  }

  /**
   * Reads a header.
   *
   * @throws IOException if it is none, or damaged, or of another version; one sentence says why
   */
  static OverlayHeader decode(MemorySegment page) throws IOException {
    if (page.get(U64, MAGIC_OFFSET) != MAGIC) {
      throw new IOException("the file does not start as an overlay does");
    }
    int version = page.get(U32, VERSION_OFFSET);
    if (version != VERSION) {
      throw new IOException(
          "the overlay has format version "
              + Integer.toUnsignedString(version)
              + "; this program knows version "
              + VERSION);
    }
    if (page.get(U32, CHECKSUM_OFFSET) != checksum(page)) {
      throw new IOException("the overlay's header is damaged: its checksum does not match");
    }
    int flags = page.get(U32, FLAGS_OFFSET);
    int clusterBytes = page.get(U32, CLUSTER_BYTES_OFFSET);
    if ((flags & ~FLAG_FROZEN) != 0 || clusterBytes != ClusterMap.CLUSTER_BYTES) {
      throw new IOException(
          "the overlay has flags 0x%x and clusters of %d bytes, which version %d has not"
              .formatted(flags, clusterBytes, VERSION));
    }
    if (page.asSlice(END_OFFSET).mismatch(MemorySegment.ofArray(new byte[BYTES]))
        != BYTES - END_OFFSET) {
      throw new IOException("the overlay's header has bytes beyond its last field");
    }
    long virtualBytes = page.get(U64, VIRTUAL_BYTES_OFFSET);
    String problem = whyNoDisk(virtualBytes);
    if (problem != null) {
      throw new IOException("the overlay is damaged: " + problem);
    }
    return new OverlayHeader(virtualBytes, (flags & FLAG_FROZEN) != 0);
  }

  private static int checksum(MemorySegment page) {
    CRC32C crc = new CRC32C();
    crc.update(page.asSlice(0, CHECKSUM_OFFSET).asByteBuffer());
    crc.update(new byte[Integer.BYTES]);
    crc.update(page.asSlice(END_OFFSET, BYTES - END_OFFSET).asByteBuffer());
    return (int) crc.getValue();
  }
}
