package dev.basepoint.device.blk;

import static dev.basepoint.device.blk.RequestBytes.FLUSH;
import static dev.basepoint.device.blk.RequestBytes.IN;
import static dev.basepoint.device.blk.RequestBytes.OK;
import static dev.basepoint.device.blk.RequestBytes.OUT;
import static dev.basepoint.device.blk.RequestBytes.WRITE_ZEROES;
import static dev.basepoint.device.blk.RequestBytes.header;
import static dev.basepoint.device.blk.RequestBytes.range;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.disk.LayeredImage;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.server.TestServer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Many requests in flight on several queues against a model: every byte that comes back and, at the
 * end, every byte of the image is right. Requests in flight never overlap, as no file system's do.
 */
class ConcurrentIntegrityTest {
  private static final int IMAGE_BYTES = 4 << 20;
  private static final int SECTORS = IMAGE_BYTES / 512;
  private static final int QUEUES = 4;
  private static final int DEPTH = 24;
  private static final int REQUESTS = 12_000;

  /** Where the image lies and how it is opened. */
  enum Place {
    MEMFD,
    FILE_BUFFERED,
    FILE_DIRECT;

    boolean isDirect() {
      return this == FILE_DIRECT;
    }
  }

  private record Pending(int type, int sector, int sectorCount, byte[] data) {}

  @TempDir Path directory;

  private final SplittableRandom random = new SplittableRandom(System.nanoTime());
  private final byte[] model = new byte[IMAGE_BYTES];
  private final BitSet busySectors = new BitSet(SECTORS);
  private final Map<Long, Pending> inFlight = new HashMap<>();

  private Fd open(Place place) throws Exception {
    if (place == Place.MEMFD) {
      return MemFd.create("image", IMAGE_BYTES);
    }
    Path file = directory.resolve("image");
    try (Fd created = OpenFile.open(file.toString(), OpenFile.O_RDWR | OpenFile.O_CREAT, 0600)) {
      MemFd.resize(created, IMAGE_BYTES);
    }
    int direct = place == Place.FILE_DIRECT ? OpenFile.O_DIRECT : 0;
    try {
      return OpenFile.open(file.toString(), OpenFile.O_RDWR | direct);
    } catch (java.io.IOException e) {
      return Assumptions.abort("the file system of " + directory + " has no O_DIRECT: " + e);
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void everyByteIsWhereItBelongs(Place place) throws Exception {
    try (Fd image = open(place)) {
      serve(image, List.of(), place.isDirect());
      assertArrayEquals(model, contents(image));
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void everyByteOfAnOverlayIsWhereItBelongs(Place place) throws Exception {
    int flags = OpenFile.O_TMPFILE | OpenFile.O_RDWR | (place.isDirect() ? OpenFile.O_DIRECT : 0);
    try (Fd base = open(place);
        Fd overlay =
            place == Place.MEMFD
                ? MemFd.create("overlay", 0)
                : OpenFile.open(directory.toString(), flags, 0600)) {
      Overlay.create(overlay, IMAGE_BYTES);
      serve(base, List.of(overlay), place.isDirect());
      assertArrayEquals(new byte[IMAGE_BYTES], contents(base));
      try (LayeredImage merged = LayeredImage.open(base, List.of(overlay));
          Arena arena = Arena.ofConfined()) {
        MemorySegment bytes = arena.allocate(IMAGE_BYTES, 4096);
        assertEquals(IMAGE_BYTES, merged.read(0, bytes));
        assertArrayEquals(model, bytes.toArray(ValueLayout.JAVA_BYTE));
      }
    }
  }

  private void serve(Fd image, List<Fd> layers, boolean direct) throws Exception {
    try (TestServer server = TestServer.inProcess(Main.ROLE)) {
      server.hello();
      try (TestDeviceClient client = configure(server, image, layers, direct)) {
        client.start(32 << 20, 128, 128, 128, 128);
        run(client);
      }
    }
  }

  private static TestDeviceClient configure(
      TestServer server, Fd image, List<Fd> layers, boolean direct) throws Exception {
    return server.configure(
        channel ->
            new SupervisionRequest.ConfigureBlk(
                "disk0", channel, image, layers, false, direct, "", QUEUES, 128, 512, true));
  }

  private void run(TestDeviceClient client) throws Exception {
    int sent = 0;
    int done = 0;
    while (done < REQUESTS) {
      int queue = random.nextInt(QUEUES);
      while (sent < REQUESTS && client.guest(queue).inFlight() < DEPTH && submit(client, queue)) {
        sent++;
      }
      client.publish(queue);
      // A while later, so that completions of all queues mix.
      int from = random.nextInt(QUEUES);
      if (client.guest(from).inFlight() > 0) {
        complete(from, client.await(from));
        done++;
        Optional<Completion> more = client.guest(from).poll();
        while (more.isPresent()) {
          complete(from, more.get());
          done++;
          more = client.guest(from).poll();
        }
      }
    }
    assertEquals(0, inFlight.size());
  }

  /** Submits a random request on sectors that no other request uses; false if it met a busy one. */
  private boolean submit(TestDeviceClient client, int queue) {
    int count = random.nextInt(8) == 0 ? 1 + random.nextInt(256) : 1 + random.nextInt(16);
    int sector = random.nextInt(SECTORS - count + 1);
    if (random.nextBoolean()) {
      sector = sector & -8;
    }
    int busy = busySectors.nextSetBit(sector);
    if (busy >= 0 && busy < sector + count) {
      return false;
    }
    int type =
        switch (random.nextInt(16)) {
          case 0 -> FLUSH;
          case 1 -> WRITE_ZEROES;
          case 2, 3, 4, 5, 6, 7 -> OUT;
          default -> IN;
        };
    Pending pending = new Pending(type, sector, type == FLUSH ? 0 : count, new byte[count * 512]);
    random.nextBytes(pending.data);
    int id =
        switch (type) {
          case FLUSH -> client.guest(queue).submit(out(header(FLUSH, 0)), in(1));
          case WRITE_ZEROES -> {
            Arrays.fill(pending.data, (byte) 0);
            byte[] range = range(sector, count, random.nextInt(2));
            yield client.guest(queue).submit(out(header(WRITE_ZEROES, 0, range)), in(1));
          }
          case OUT -> submitWrite(client, queue, pending);
          default ->
              random.nextBoolean()
                  ? client.guest(queue).submit(out(header(IN, sector)), in(count * 512), in(1))
                  : client
                      .guest(queue)
                      .submitIndirect(out(header(IN, sector)), in(100), in(count * 512 - 99));
        };
    busySectors.set(sector, sector + pending.sectorCount);
    inFlight.put(key(queue, id), pending);
    return true;
  }

  private int submitWrite(TestDeviceClient client, int queue, Pending pending) {
    if (random.nextInt(4) == 0) {
      // Memory that O_DIRECT does not take.
      return client.guest(queue).submit(out(header(OUT, pending.sector, pending.data)), in(1));
    }
    return client
        .guest(queue)
        .submitIndirect(out(header(OUT, pending.sector)), out(pending.data), in(1));
  }

  private void complete(int queue, Completion completion) {
    Pending pending = inFlight.remove(key(queue, completion.id()));
    assertEquals(OK, BlkBench.status(completion));
    int from = pending.sector * 512;
    int to = from + pending.sectorCount * 512;
    if (pending.type == IN) {
      assertEquals(to - from + 1, completion.usedLength());
      assertTrue(
          Arrays.equals(model, from, to, completion.written(), 0, to - from),
          "sectors from " + pending.sector + " were read wrongly");
    } else {
      assertEquals(1, completion.usedLength());
      System.arraycopy(pending.data, 0, model, from, to - from);
    }
    busySectors.clear(pending.sector, pending.sector + pending.sectorCount);
  }

  private static long key(int queue, int id) {
    return (long) queue << 32 | id;
  }

  private static Buffer in(int length) {
    return Buffer.writable(length);
  }

  private static Buffer out(byte[] bytes) {
    return Buffer.readable(bytes);
  }

  private static byte[] contents(Fd image) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(IMAGE_BYTES, 4096);
      IovecArray data = new IovecArray(1);
      data.add(bytes, 0, IMAGE_BYTES);
      assertEquals(IMAGE_BYTES, Syscalls.preadv(image.number(), data, 0));
      return bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
