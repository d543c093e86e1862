package dev.basepoint.vmm.virtio.shadow;

import dev.basepoint.ipc.virtqueue.DescriptorChain;
import dev.basepoint.ipc.window.SlotAllocator;
import dev.basepoint.ipc.window.SlotPlacement;

/**
 * Everything that is known of the requests in flight on one queue: enough to complete them, and
 * enough to issue them again to another device server.
 *
 * <pre>
 *   request (by shadow chain id)            segments, a linked list per request
 *   +-----------+--------+---------+        +-----+--------+---------------+
 *   | guest head| slots  | first --+------> | gpa | length | window offset |--> ...
 *   +-----------+--------+---------+        +-----+--------+---------------+
 * </pre>
 *
 * Segments come from one pool, in chain order, device-readable ones first. Nothing allocates after
 * construction.
 */
final class RequestTable {
  static final int NONE = -1;

  private final int[] guestHead;
  private final int[] firstSegment;
  private final int[] readableSegments;
  private final long[] writableBytes;
  private final long[] bulkOffset;
  private final long[] bulkBytes;
  private final long[] piecesOffset;
  private final long[] piecesBytes;

  private final long[] gpa;
  private final int[] length;
  private final long[] windowOffset;
  private final int[] nextSegment;
  private int freeSegment;
  private int freeSegments;

  RequestTable(int requests, int segments) {
    guestHead = new int[requests];
    firstSegment = new int[requests];
    readableSegments = new int[requests];
    writableBytes = new long[requests];
    bulkOffset = new long[requests];
    bulkBytes = new long[requests];
    piecesOffset = new long[requests];
    piecesBytes = new long[requests];
    gpa = new long[segments];
    length = new int[segments];
    windowOffset = new long[segments];
    nextSegment = new int[segments];
    for (int i = 0; i < segments; i++) {
      nextSegment[i] = i + 1 < segments ? i + 1 : NONE;
    }
    freeSegments = segments;
  }

  /** Segments that {@link #put} can still take. */
  int freeSegments() {
    return freeSegments;
  }

  /** Notes a request and takes over its slots. */
  void put(int id, DescriptorChain chain, SlotPlacement placement) {
    guestHead[id] = chain.headId();
    readableSegments[id] = chain.readableCount();
    writableBytes[id] = chain.writableBytes();
    bulkOffset[id] = placement.bulkOffset();
    bulkBytes[id] = placement.bulkBytes();
    piecesOffset[id] = placement.piecesOffset();
    piecesBytes[id] = placement.piecesBytes();
    placement.handOver();
    int last = NONE;
    for (int i = 0; i < chain.count(); i++) {
      int segment = freeSegment;
      freeSegment = nextSegment[segment];
      freeSegments--;
      gpa[segment] = chain.gpa(i);
      length[segment] = Math.toIntExact(chain.length(i));
      windowOffset[segment] = placement.offset(i);
      nextSegment[segment] = NONE;
      if (last == NONE) {
        firstSegment[id] = segment;
      } else {
        nextSegment[last] = segment;
      }
      last = segment;
    }
  }

  /** Forgets a request and gives its slots back. */
  void remove(int id, SlotAllocator slots) {
    if (bulkBytes[id] != 0) {
      slots.free(bulkOffset[id], bulkBytes[id]);
    }
    if (piecesBytes[id] != 0) {
      slots.free(piecesOffset[id], piecesBytes[id]);
    }
    int segment = firstSegment[id];
    while (segment != NONE) {
      int next = nextSegment[segment];
      nextSegment[segment] = freeSegment;
      freeSegment = segment;
      freeSegments++;
      segment = next;
    }
  }

  int guestHead(int id) {
    return guestHead[id];
  }

  long writableBytes(int id) {
    return writableBytes[id];
  }

  /** The first segment, readable or not. */
  int firstSegment(int id) {
    return firstSegment[id];
  }

  int readableSegments(int id) {
    return readableSegments[id];
  }

  /** The segment after {@code segment}, or {@link #NONE}. */
  int nextSegment(int segment) {
    return nextSegment[segment];
  }

  long gpa(int segment) {
    return gpa[segment];
  }

  int length(int segment) {
    return length[segment];
  }

  long windowOffset(int segment) {
    return windowOffset[segment];
  }
}
