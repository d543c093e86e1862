package dev.basepoint.device.blk;

import static dev.basepoint.device.blk.RequestBytes.DISCARD;
import static dev.basepoint.device.blk.RequestBytes.FLUSH;
import static dev.basepoint.device.blk.RequestBytes.GET_ID;
import static dev.basepoint.device.blk.RequestBytes.IN;
import static dev.basepoint.device.blk.RequestBytes.IOERR;
import static dev.basepoint.device.blk.RequestBytes.OK;
import static dev.basepoint.device.blk.RequestBytes.OUT;
import static dev.basepoint.device.blk.RequestBytes.UNSUPP;
import static dev.basepoint.device.blk.RequestBytes.WRITE_ZEROES;
import static dev.basepoint.device.blk.RequestBytes.header;
import static dev.basepoint.device.blk.RequestBytes.pattern;
import static dev.basepoint.device.blk.RequestBytes.range;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.device.blk.image.ImageTraits;
import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Every type of request with everything that can be wrong with it: the status, and no harm. */
class MalformedRequestTest {
  private static final int IMAGE_BYTES = 128 << 10;
  private static final int SECTORS = IMAGE_BYTES / 512;
  private static final int SIZE_MAX_BYTES = 126 * 32768;
  private static final int NO_STATUS = -1;

  /** A bad request and the status that it must get. */
  record Case(String name, int status, Buffer... buffers) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Buffer in(int length) {
    return Buffer.writable(length);
  }

  private static Buffer out(byte[]... pieces) {
    int length = Arrays.stream(pieces).mapToInt(piece -> piece.length).sum();
    byte[] all = new byte[length];
    int at = 0;
    for (byte[] piece : pieces) {
      System.arraycopy(piece, 0, all, at, piece.length);
      at += piece.length;
    }
    return Buffer.readable(all);
  }

  private static byte[] data(int length) {
    return pattern(length, 99);
  }

  static final List<Case> CASES = cases();

  private static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    framing(cases);
    transfers(cases, IN, "read");
    transfers(cases, OUT, "write");
    cases.add(new Case("GET_ID with too little room", IOERR, out(header(GET_ID, 0)), in(20)));
    cases.add(new Case("GET_ID with no room", IOERR, out(header(GET_ID, 0)), in(1)));
    ranges(cases, DISCARD, "discard");
    ranges(cases, WRITE_ZEROES, "zeroing");
    cases.add(
        new Case("discard with unmap", UNSUPP, out(header(DISCARD, 0), range(0, 8, 1)), in(1)));
    cases.add(
        new Case(
            "discard of more than allowed",
            IOERR,
            out(header(DISCARD, 0), range(0, (4 << 20) + 1, 0)),
            in(1)));
    cases.add(
        new Case(
            "zeroing of more than allowed",
            IOERR,
            out(header(WRITE_ZEROES, 0), range(0, (128 << 10) + 1, 0)),
            in(1)));
    for (int type : new int[] {2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 16, 0x8000_0000, -1}) {
      cases.add(new Case("type " + type, UNSUPP, out(header(type, 0)), in(513)));
      cases.add(
          new Case("type " + type + " with data", UNSUPP, out(header(type, 0), data(512)), in(1)));
    }
    return cases;
  }

  private static void framing(List<Case> cases) {
    for (int type : new int[] {IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, 77}) {
      String name = "type " + type + ": ";
      cases.add(new Case(name + "no writable byte", NO_STATUS, out(header(type, 0))));
      cases.add(
          new Case(name + "only readable data", NO_STATUS, out(header(type, 0)), out(data(512))));
      byte[] cut = Arrays.copyOf(header(type, 0), 15);
      cases.add(new Case(name + "header of 15 bytes", IOERR, out(cut), in(513)));
      cases.add(new Case(name + "header of 4 bytes", IOERR, out(Arrays.copyOf(cut, 4)), in(1)));
    }
    cases.add(new Case("no header", IOERR, in(513)));
    cases.add(new Case("one writable byte alone", IOERR, in(1)));
  }

  private static void transfers(List<Case> cases, int type, String name) {
    for (int length : new int[] {0, 1, 511, 513, 1000, 4095}) {
      cases.add(transfer(name + " of " + length + " bytes", type, 0, length));
    }
    cases.add(transfer(name + " past the end", type, SECTORS, 512));
    cases.add(transfer(name + " across the end", type, SECTORS - 1, 1024));
    cases.add(transfer(name + " far away", type, 1L << 40, 512));
    cases.add(transfer(name + " at the last sector number", type, -1L, 512));
    cases.add(transfer(name + " that wraps around", type, -8L, 8192));
    cases.add(transfer(name + " whose offset overflows", type, 1L << 55, 512));
    cases.add(transfer(name + " of a negative sector", type, Long.MIN_VALUE, 512));
    cases.add(transfer(name + " larger than the disk", type, 0, IMAGE_BYTES + 512));
    cases.add(transfer(name + " beyond size_max * seg_max", type, 0, SIZE_MAX_BYTES + 512));
    byte[] header = header(type, 0);
    if (type == IN) {
      cases.add(new Case("read into readable memory", IOERR, out(header), out(data(512)), in(1)));
      cases.add(new Case("read with readable data too", IOERR, out(header), out(data(8)), in(513)));
    } else {
      cases.add(new Case("write from writable memory", IOERR, out(header), in(512), in(1)));
      cases.add(
          new Case("write with room to read", IOERR, out(header), out(data(512)), in(512), in(1)));
    }
  }

  private static Case transfer(String name, int type, long sector, int length) {
    return type == IN
        ? new Case(name, IOERR, out(header(type, sector)), in(length), in(1))
        : new Case(name, IOERR, out(header(type, sector)), out(data(length)), in(1));
  }

  private static void ranges(List<Case> cases, int type, String name) {
    cases.add(new Case(name + " without ranges", IOERR, out(header(type, 0)), in(1)));
    byte[] good = range(0, 8, 0);
    for (int length : new int[] {1, 8, 15}) {
      cases.add(
          new Case(
              name + " with a range of " + length + " bytes",
              IOERR,
              out(header(type, 0), Arrays.copyOf(good, length)),
              in(1)));
    }
    cases.add(new Case(name + " with 17 bytes", IOERR, out(header(type, 0), good, data(1)), in(1)));
    byte[][] many = new byte[18][];
    Arrays.fill(many, good);
    many[0] = header(type, 0);
    cases.add(new Case(name + " with 17 ranges", IOERR, out(many), in(1)));
    cases.add(new Case(name + " with room to read", IOERR, out(header(type, 0), good), in(513)));
    cases.add(bad(type, name + " of nothing", IOERR, range(0, 0, 0)));
    cases.add(bad(type, name + " past the end", IOERR, range(SECTORS, 1, 0)));
    cases.add(bad(type, name + " across the end", IOERR, range(SECTORS - 1, 2, 0)));
    cases.add(bad(type, name + " that wraps around", IOERR, range(-8, 16, 0)));
    cases.add(bad(type, name + " of 2^32-1 sectors", IOERR, range(0, -1, 0)));
    cases.add(bad(type, name + " whose offset overflows", IOERR, range(1L << 55, 1, 0)));
    cases.add(bad(type, name + " with an unknown flag", UNSUPP, range(0, 8, 2)));
    cases.add(bad(type, name + " with all flags", UNSUPP, range(0, 8, -1)));
    cases.add(
        new Case(
            name + " with one good and one bad range",
            IOERR,
            out(header(type, 0), good, range(SECTORS, 1, 0)),
            in(1)));
  }

  private static Case bad(int type, String name, int status, byte[] range) {
    return new Case(name, status, out(header(type, 0), range), in(1));
  }

  @ParameterizedTest
  @FieldSource("CASES")
  void getsItsStatusAndHarmsNothing(Case bad) throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    byte[] content = pattern(IMAGE_BYTES, 1);
    image.fill(content);
    try (BlkBench bench = new BlkBench(image)) {
      Completion done = bench.request(bad.buffers);
      if (bad.status == NO_STATUS) {
        assertEquals(0, done.usedLength());
        assertEquals(1, bench.frame.count("withoutStatus"));
      } else {
        assertEquals(bad.status, BlkBench.status(done));
        assertEquals(done.written().length, done.usedLength(), "the length covers the status");
        byte[] expected = new byte[done.written().length];
        expected[expected.length - 1] = (byte) bad.status;
        assertArrayEquals(expected, done.written(), "what was not read is zeros");
      }
      assertEquals(List.of(), image.calls, "the image is left alone");
      assertArrayEquals(content, image.contents());
      assertEquals(1, bench.frame.count("errors"));
      assertEquals(1, bench.frame.count("requests"));
      assertEquals(List.of(), bench.frame.warnings(), "a guest's mistake is nobody else's news");

      Completion next = bench.request(out(header(IN, 3)), in(512), in(1));
      assertEquals(OK, BlkBench.status(next));
      assertArrayEquals(
          Arrays.copyOfRange(content, 3 * 512, 4 * 512), Arrays.copyOf(next.written(), 512));
    }
  }

  @Test
  void moreSegmentsThanSegMaxFail() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    BlkSettings settings = new BlkSettings("disk", "", 1, 256, 512, true);
    try (BlkBench bench = new BlkBench(settings, image, BlkBench.ALL)) {
      for (int segments : new int[] {125, 126, 127, 128, 254}) {
        Buffer[] buffers = new Buffer[segments + 2];
        buffers[0] = out(header(IN, 0));
        Arrays.fill(buffers, 1, segments + 1, in(512));
        buffers[segments + 1] = in(1);
        assertEquals(segments <= 126 ? OK : IOERR, BlkBench.status(bench.request(buffers)));
        Arrays.fill(buffers, 1, segments + 1, out(data(512)));
        buffers[0] = out(header(OUT, 0));
        assertEquals(segments <= 126 ? OK : IOERR, BlkBench.status(bench.request(buffers)));
      }
    }
  }

  @Test
  void writesToAReadOnlyDiskFailAndDoNothing() throws IOException {
    TestImage image =
        new TestImage(
            new ImageTraits(IMAGE_BYTES, true, false, 512, Waiting.NEVER, Waiting.NEVER), true);
    try (BlkBench bench = new BlkBench(BlkBench.settings(), image, BlkBench.ALL)) {
      assertEquals(
          IOERR, BlkBench.status(bench.request(out(header(OUT, 0)), out(data(512)), in(1))));
      assertEquals(
          UNSUPP,
          BlkBench.status(bench.request(out(header(WRITE_ZEROES, 0), range(0, 1, 0)), in(1))));
      assertEquals(
          UNSUPP, BlkBench.status(bench.request(out(header(DISCARD, 0), range(0, 1, 0)), in(1))));
      assertEquals(List.of(), image.calls);
      assertEquals(OK, BlkBench.status(bench.request(out(header(IN, 0)), in(512), in(1))));
      assertEquals(OK, BlkBench.status(bench.request(out(header(FLUSH, 0)), in(1))));
    }
  }

  @Test
  void requestsOfFeaturesThatWereNotNegotiatedAreUnsupported() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    try (BlkBench bench = new BlkBench(BlkBench.settings(), image, 0)) {
      assertEquals(
          UNSUPP, BlkBench.status(bench.request(out(header(DISCARD, 0), range(0, 1, 0)), in(1))));
      assertEquals(
          UNSUPP,
          BlkBench.status(bench.request(out(header(WRITE_ZEROES, 0), range(0, 1, 0)), in(1))));
      assertEquals(2, bench.frame.count("unsupported"));
      assertTrue(image.calls.isEmpty());
    }
  }
}
