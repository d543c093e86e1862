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

import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a disk does with requests that make sense. */
class RequestTest {
  private static final int IMAGE_BYTES = 256 << 10;

  private static Buffer in(int length) {
    return Buffer.writable(length);
  }

  private static Buffer out(byte[] bytes) {
    return Buffer.readable(bytes);
  }

  private static int write(BlkBench bench, long sector, byte[] data) throws IOException {
    return BlkBench.status(bench.request(out(header(OUT, sector)), out(data), in(1)));
  }

  private static int flush(BlkBench bench) throws IOException {
    return BlkBench.status(bench.request(out(header(FLUSH, 0)), in(1)));
  }

  @ParameterizedTest
  @EnumSource(Waiting.class)
  void writesAndReadsWhateverTheDivisionIntoDescriptors(Waiting waiting) throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, waiting);
    byte[] model = new byte[IMAGE_BYTES];
    SplittableRandom random = new SplittableRandom(11);
    try (BlkBench bench = new BlkBench(image)) {
      long bytesToGuest = 0;
      long bytesFromGuest = 0;
      for (int i = 0; i < 400; i++) {
        int bytes = 512 * (1 + random.nextInt(32));
        int sector = random.nextInt((IMAGE_BYTES - bytes) / 512 + 1);
        if (random.nextBoolean()) {
          byte[] data = pattern(bytes, i);
          System.arraycopy(data, 0, model, sector * 512, bytes);
          List<Buffer> buffers = divideReadable(header(OUT, sector, data), random);
          buffers.add(in(1));
          Completion done = bench.request(buffers.toArray(Buffer[]::new));
          assertEquals(OK, BlkBench.status(done));
          assertEquals(1, done.usedLength());
          bytesFromGuest += bytes;
        } else {
          List<Buffer> buffers = divideReadable(header(IN, sector), random);
          buffers.addAll(divideWritable(bytes + 1, random));
          Completion done = bench.request(buffers.toArray(Buffer[]::new));
          assertEquals(OK, BlkBench.status(done));
          assertEquals(bytes + 1, done.usedLength());
          assertArrayEquals(
              Arrays.copyOfRange(model, sector * 512, sector * 512 + bytes),
              Arrays.copyOf(done.written(), bytes));
          bytesToGuest += bytes;
        }
      }
      assertArrayEquals(model, image.contents());
      assertEquals(400, bench.frame.count("requests"));
      assertEquals(bytesToGuest, bench.frame.count("bytesToGuest"));
      assertEquals(bytesFromGuest, bench.frame.count("bytesFromGuest"));
      assertEquals(0, bench.frame.count("errors"));
      assertEquals(400, bench.frame.count("reads") + bench.frame.count("writes"));
    }
  }

  private static List<Buffer> divideReadable(byte[] bytes, SplittableRandom random) {
    List<Buffer> buffers = new ArrayList<>();
    for (int at = 0; at < bytes.length; ) {
      int step = Math.min(bytes.length - at, piece(random));
      buffers.add(out(Arrays.copyOfRange(bytes, at, at + step)));
      at += step;
    }
    return buffers;
  }

  private static List<Buffer> divideWritable(int bytes, SplittableRandom random) {
    List<Buffer> buffers = new ArrayList<>();
    for (int left = bytes; left > 0; ) {
      int step = Math.min(left, piece(random));
      buffers.add(in(step));
      left -= step;
    }
    return buffers;
  }

  private static int piece(SplittableRandom random) {
    return switch (random.nextInt(4)) {
      case 0 -> 1 + random.nextInt(20);
      case 1 -> 512 * (1 + random.nextInt(4));
      default -> 1 + random.nextInt(30_000);
    };
  }

  @Test
  void identifiesItselfBySerial() throws IOException {
    try (BlkBench bench = new BlkBench(new TestImage(IMAGE_BYTES, Waiting.NEVER))) {
      byte[] expected = Arrays.copyOf("serial-0123456789".getBytes(StandardCharsets.US_ASCII), 20);
      Completion done = bench.request(out(header(GET_ID, 0)), in(20), in(1));
      assertEquals(OK, BlkBench.status(done));
      assertEquals(21, done.usedLength());
      assertArrayEquals(expected, Arrays.copyOf(done.written(), 20));
      Completion roomy = bench.request(out(header(GET_ID, 0)), in(13), in(500));
      assertEquals(OK, BlkBench.status(roomy));
      assertEquals(513, roomy.usedLength());
      assertArrayEquals(Arrays.copyOf(expected, 512), Arrays.copyOf(roomy.written(), 512));
      assertEquals(2, bench.frame.count("getIds"));
    }
  }

  @Test
  void discardsAndZeroesEveryRangeOfARequest() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    image.fill(pattern(IMAGE_BYTES, 5));
    try (BlkBench bench = new BlkBench(image)) {
      assertEquals(
          OK,
          BlkBench.status(
              bench.request(out(header(WRITE_ZEROES, 0, range(8, 8, 0), range(32, 1, 1))), in(1))));
      assertEquals(
          OK,
          BlkBench.status(
              bench.request(
                  out(header(DISCARD, 0)), out(range(0, 8, 0)), out(range(511, 1, 0)), in(1))));
      assertEquals(
          List.of(
              "zero 4096 4096",
              "zero and deallocate 16384 512",
              "discard 0 4096",
              "discard 261632 512"),
          image.calls);
      assertTrue(image.isFilledWith(4096, 4096, 0));
      assertEquals(1, bench.frame.count("discards"));
      assertEquals(1, bench.frame.count("writeZeroes"));
      image.discardResult = -Errno.EOPNOTSUPP;
      assertEquals(
          UNSUPP, BlkBench.status(bench.request(out(header(DISCARD, 0, range(0, 8, 0))), in(1))));
    }
  }

  @Test
  void flushReachesTheStorageBeforeItCompletes() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    try (BlkBench bench = new BlkBench(image)) {
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(List.of("write 0 512"), image.calls, "a write alone is not made durable");
      assertEquals(OK, flush(bench));
      assertEquals(List.of("write 0 512", "flush 0 0"), image.calls);
      assertEquals(OK, write(bench, 1, pattern(512, 2)));
      assertEquals(OK, flush(bench));
      assertEquals(List.of("write 0 512", "flush 0 0", "write 512 512", "flush 0 0"), image.calls);
    }
  }

  @Test
  void flushesThatArriveDuringOneShareTheNext() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    try (BlkBench bench = new BlkBench(image)) {
      for (int i = 0; i < 11; i++) {
        bench.guest().submit(out(header(FLUSH, 0)), in(1));
      }
      bench.guest().publish();
      bench.frame.kick(0);
      for (int i = 0; i < 11; i++) {
        assertEquals(OK, BlkBench.status(bench.guest().poll().orElseThrow()));
      }
      // The first starts at once; the others come while it runs and must not be served by it.
      assertEquals(List.of("flush 0 0", "flush 0 0"), image.calls);
      assertEquals(11, bench.frame.count("flushes"));
    }
  }

  @Test
  void failedFlushIsRememberedUntilTheReset() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    try (BlkBench bench = new BlkBench(image)) {
      image.flushResult = -Errno.EIO;
      assertEquals(IOERR, flush(bench));
      image.flushResult = 0;
      assertEquals(IOERR, flush(bench), "the kernel calls the next flush a success");
      assertEquals(1, image.calls.size(), "it is not even asked");
      assertEquals(OK, write(bench, 0, pattern(512, 1)), "volatile writes go on");
      bench.device.writeConfig(32, new byte[] {0});
      assertEquals(IOERR, write(bench, 0, pattern(512, 1)), "durable ones cannot");
      assertEquals(3, bench.frame.count("ioErrors"));
      bench.frame.reset();
      bench.activate();
      assertEquals(OK, flush(bench));
      assertTrue(
          bench.frame.warnings().getFirst().contains("EIO"), bench.frame.warnings().toString());
    }
  }

  @Test
  void driverChoosesWriteThrough() throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    try (BlkBench bench = new BlkBench(image)) {
      bench.device.writeConfig(32, new byte[] {0});
      assertEquals(0, bench.device.config()[32]);
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(
          OK, BlkBench.status(bench.request(out(header(WRITE_ZEROES, 0, range(1, 1, 0))), in(1))));
      assertEquals(List.of("durable write 0 512", "zero 512 512", "flush 0 0"), image.calls);
      bench.device.writeConfig(24, new byte[] {1, 1, 1, 1, 1, 1, 1, 1});
      assertEquals(3, bench.device.config()[24], "the rest of the space is read-only");
      assertEquals(0, bench.device.config()[32]);
      bench.device.writeConfig(28, new byte[] {9, 9, 9, 9, 1, 9});
      assertEquals(1, bench.device.config()[32]);
      assertEquals(0, bench.device.config()[33]);
      image.calls.clear();
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(List.of("write 0 512"), image.calls);
    }
  }

  @Test
  void withoutFlushWritesAreDurable() throws IOException {
    long flush = 1 << 9;
    long configWce = 1 << 11;
    TestImage image = new TestImage(IMAGE_BYTES, Waiting.NEVER);
    try (BlkBench bench =
        new BlkBench(BlkBench.settings(), image, BlkBench.ALL & ~flush & ~configWce)) {
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(List.of("durable write 0 512"), image.calls);
      assertEquals(0, bench.frame.configChanges());
    }
    image.calls.clear();
    try (BlkBench bench = new BlkBench(BlkBench.settings(), image, BlkBench.ALL & ~flush)) {
      assertEquals(0, bench.device.config()[32], "writeback starts as 0");
      assertEquals(1, bench.frame.configChanges());
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(List.of("durable write 0 512"), image.calls);
      bench.frame.reset();
      assertEquals(1, bench.device.config()[32], "a reset restores the default");
      bench.activate();
    }
    image.calls.clear();
    try (BlkBench bench = new BlkBench(BlkBench.settings(), image, BlkBench.ALL & ~configWce)) {
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(List.of("write 0 512"), image.calls);
    }
  }

  @ParameterizedTest
  @EnumSource(Waiting.class)
  void failingStorageIsAStatusAndAWarningNotAnEnd(Waiting waiting) throws IOException {
    TestImage image = new TestImage(IMAGE_BYTES, waiting);
    image.fill(pattern(IMAGE_BYTES, 5));
    try (BlkBench bench = new BlkBench(image)) {
      image.readResult = -Errno.ENODATA;
      Completion done = bench.request(out(header(IN, 0)), in(4096), in(1));
      assertEquals(IOERR, BlkBench.status(done));
      assertEquals(4097, done.usedLength());
      // A part may have been read before the failure; the rest is zeros.
      for (int i = 512; i < 4096; i++) {
        assertEquals(0, done.written()[i], "byte " + i);
      }
      image.readResult = 0;
      image.writeResult = -Errno.ENOSPC;
      for (int i = 0; i < 20; i++) {
        assertEquals(IOERR, write(bench, 0, pattern(512, 1)));
      }
      assertEquals(21, bench.frame.count("ioErrors"));
      assertEquals(21, bench.frame.count("errors"));
      assertEquals(5, bench.frame.warnings().size(), "warnings are limited");
      String warning = bench.frame.warnings().get(1);
      assertTrue(warning.contains("ENOSPC") && warning.contains("512 bytes at offset 0"), warning);
      image.writeResult = 0;
      assertEquals(OK, write(bench, 0, pattern(512, 1)));
      assertEquals(0, bench.frame.count("bytesToGuest"));
      assertEquals(512, bench.frame.count("bytesFromGuest"));
    }
  }
}
