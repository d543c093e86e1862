package dev.basepoint.device.blk;

import static dev.basepoint.device.blk.RequestBytes.DISCARD;
import static dev.basepoint.device.blk.RequestBytes.FLUSH;
import static dev.basepoint.device.blk.RequestBytes.GET_ID;
import static dev.basepoint.device.blk.RequestBytes.IN;
import static dev.basepoint.device.blk.RequestBytes.IOERR;
import static dev.basepoint.device.blk.RequestBytes.OK;
import static dev.basepoint.device.blk.RequestBytes.OUT;
import static dev.basepoint.device.blk.RequestBytes.WRITE_ZEROES;
import static dev.basepoint.device.blk.RequestBytes.header;
import static dev.basepoint.device.blk.RequestBytes.pattern;
import static dev.basepoint.device.blk.RequestBytes.range;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Signals;
import dev.basepoint.ipc.server.TestDeviceClient;
import dev.basepoint.ipc.server.TestServer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Buffer;
import dev.basepoint.ipc.virtqueue.GuestDriver.Completion;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real process, with the test as its launcher and its vmm-main. */
class BlkProcessTest {
  private static final int IMAGE_BYTES = 8 << 20;

  @TempDir Path directory;
  private TestServer server;
  private Path file;

  @BeforeEach
  void spawn() throws Exception {
    file = directory.resolve("image");
    createImage(IMAGE_BYTES);
    server = TestServer.spawn("dev.basepoint.device.blk.Main");
    assertEquals("blk", server.hello().role());
  }

  @AfterEach
  void end() throws Exception {
    server.close();
  }

  private void createImage(long sizeBytes) throws Exception {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[1]), sizeBytes - 1);
    }
  }

  private TestDeviceClient configure(boolean readOnly, boolean direct, int blockSize)
      throws Exception {
    int flags = (readOnly ? OpenFile.O_RDONLY : OpenFile.O_RDWR) | (direct ? OpenFile.O_DIRECT : 0);
    try (Fd image = openImage(flags)) {
      return server.configure(
          channel ->
              new SupervisionRequest.ConfigureBlk(
                  "disk0",
                  channel,
                  image,
                  List.of(),
                  readOnly,
                  direct,
                  "serial-1",
                  2,
                  128,
                  blockSize,
                  true));
    }
  }

  private Fd openImage(int flags) throws Exception {
    if ((flags & OpenFile.O_DIRECT) == 0) {
      return OpenFile.open(file.toString(), flags);
    }
    try {
      return OpenFile.open(file.toString(), flags);
    } catch (java.io.IOException e) {
      return Assumptions.abort("the file system of " + directory + " has no O_DIRECT: " + e);
    }
  }

  private static Buffer in(int length) {
    return Buffer.writable(length);
  }

  private static Buffer out(byte[] bytes) {
    return Buffer.readable(bytes);
  }

  private static int status(Completion done) {
    return done.written()[done.written().length - 1];
  }

  private static int write(TestDeviceClient client, int queue, long sector, byte[] data)
      throws Exception {
    return status(client.request(queue, out(header(OUT, sector)), out(data), in(1)));
  }

  @Test
  void servesADiskThroughItsWholeLife() throws Exception {
    serve(false);
  }

  @Test
  void servesADiskThatBypassesThePageCache() throws Exception {
    serve(true);
  }

  private void serve(boolean direct) throws Exception {
    TestDeviceClient client = configure(false, direct, 512);
    DeviceReply.Info info = client.start(8 << 20, 128, 64);
    assertEquals(2, info.virtioDeviceId());
    assertEquals(2, info.queueCount());
    ByteBuffer config = ByteBuffer.wrap(info.config()).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(IMAGE_BYTES / 512, config.getLong(0));

    byte[] page = pattern(4096, 1);
    byte[] odd = pattern(1536, 2);
    byte[] large = pattern(256 << 10, 3);
    assertEquals(OK, write(client, 0, 8, page));
    assertEquals(OK, write(client, 1, 3, odd));
    assertEquals(OK, write(client, 0, 1024, large));
    Completion done = client.request(1, out(header(IN, 1024)), in(large.length), in(1));
    assertEquals(OK, status(done));
    assertArrayEquals(large, Arrays.copyOf(done.written(), large.length));
    assertEquals(
        OK, status(client.request(0, out(header(WRITE_ZEROES, 0, range(1025, 7, 0))), in(1))));
    assertEquals(
        OK, status(client.request(0, out(header(DISCARD, 0, range(2048, 2048, 0))), in(1))));
    assertEquals(OK, status(client.request(1, out(header(FLUSH, 0)), in(1))));
    Completion id = client.request(0, out(header(GET_ID, 0)), in(20), in(1));
    assertArrayEquals(
        "serial-1".getBytes(StandardCharsets.US_ASCII), Arrays.copyOf(id.written(), 8));
    assertEquals(IOERR, write(client, 0, IMAGE_BYTES / 512, page));

    Arrays.fill(large, 512, 8 * 512, (byte) 0);
    byte[] content = Files.readAllBytes(file);
    assertEquals(IMAGE_BYTES, content.length);
    assertArrayEquals(page, Arrays.copyOfRange(content, 8 * 512, 8 * 512 + page.length));
    assertArrayEquals(odd, Arrays.copyOfRange(content, 3 * 512, 3 * 512 + odd.length));
    assertArrayEquals(large, Arrays.copyOfRange(content, 512 << 10, (512 + 256) << 10));

    assertEquals(
        List.of(new DeviceReply.Position(0, 6, 6), new DeviceReply.Position(1, 3, 3)),
        client.drain());
    client.call(new DeviceRequest.Run());
    client.call(new DeviceRequest.WriteConfig(BlkConfigSpace.WRITEBACK_OFFSET, new byte[1]));
    assertEquals(OK, write(client, 0, 0, page), "written through");
    client.halt();
    client.activate(info.features(), 1 << 20, 16);
    client.call(new DeviceRequest.Run());
    assertEquals(OK, write(client, 0, 0, odd));
    var counters = server.counters();
    assertEquals(11, counters.get("requests"));
    assertEquals(1, counters.get("errors"));
    assertEquals(2 * page.length + 2 * odd.length + large.length, counters.get("bytesFromGuest"));
    assertEquals(large.length, counters.get("bytesToGuest"));
    client.close();
  }

  @Test
  void rehearsedProcessServesAsAFreshOneDoes() throws Exception {
    server.close();
    server = TestServer.spawn("dev.basepoint.device.blk.Main", "--warm-up-rounds=3");
    server.hello();
    TestDeviceClient client = configure(false, false, 512);
    client.start(1 << 20, 128);
    assertEquals(OK, write(client, 0, 0, pattern(512, 1)));
    assertEquals(1, server.counters().get("requests"), "nothing is left of the rehearsal");
    client.close();
  }

  @Test
  void oneGibibyteAndMore() throws Exception {
    long size = 5L << 30;
    createImage(size);
    TestDeviceClient client = configure(false, false, 4096);
    client.start(1 << 20, 128, 128);
    byte[] page = pattern(4096, 1);
    long lastPage = size / 512 - 8;
    assertEquals(OK, write(client, 0, lastPage, page));
    assertEquals(OK, write(client, 0, (4L << 30) / 512, page));
    assertEquals(IOERR, write(client, 0, lastPage + 1, page));
    Completion done = client.request(0, out(header(IN, lastPage)), in(4096), in(1));
    assertArrayEquals(page, Arrays.copyOf(done.written(), 4096));
    assertEquals(size, Files.size(file));
    client.close();
  }

  @Test
  void readOnlyDiskNeedsNoWritableDescriptor() throws Exception {
    TestDeviceClient client = configure(true, false, 512);
    DeviceReply.Info info = client.start(1 << 20, 128, 128);
    assertEquals(1 << 5, info.features() & (1 << 5), "VIRTIO_BLK_F_RO");
    assertEquals(IOERR, write(client, 0, 0, pattern(512, 1)));
    assertEquals(OK, status(client.request(0, out(header(IN, 0)), in(512), in(1))));
    client.close();
  }

  @Test
  void imageOfPartBlocksIsRefusedWithAReason() throws Exception {
    createImage(IMAGE_BYTES + 512);
    RequestFailedException refused =
        assertThrows(RequestFailedException.class, () -> configure(false, false, 4096));
    assertTrue(
        refused.getMessage().contains("not a multiple of its block size"), refused.getMessage());
    try (Fd image = openImage(OpenFile.O_RDWR)) {
      RequestFailedException mixedUp =
          assertThrows(
              RequestFailedException.class,
              () ->
                  server.configure(
                      channel ->
                          new SupervisionRequest.ConfigureBlk(
                              "disk0", channel, image, List.of(), false, true, "", 1, 128, 512,
                              true)));
      assertTrue(mixedUp.getMessage().contains("without O_DIRECT"), mixedUp.getMessage());
    }
    // It may be configured rightly after all.
    configure(false, false, 512).close();
  }

  private TestDeviceClient configureOverlay(Fd base, List<Fd> layers, boolean readOnly)
      throws Exception {
    return server.configure(
        channel ->
            new SupervisionRequest.ConfigureBlk(
                "disk0", channel, base, layers, readOnly, false, "serial-1", 1, 128, 512, true));
  }

  @Test
  void overlayTakesWhatIsWrittenAndOutlivesTheProcess() throws Exception {
    byte[] old = pattern(IMAGE_BYTES, 9);
    Files.write(file, old);
    byte[] some = pattern(1536, 2);
    try (Fd base = openImage(OpenFile.O_RDONLY);
        Fd overlay = MemFd.create("overlay", 0)) {
      Overlay.create(overlay, IMAGE_BYTES);
      TestDeviceClient client = configureOverlay(base, List.of(overlay), false);
      client.start(8 << 20, 128);
      assertEquals(OK, write(client, 0, 3, some));
      assertEquals(
          OK, status(client.request(0, out(header(DISCARD, 0, range(100, 50, 0))), in(1))));
      Completion done = client.request(0, out(header(IN, 0)), in(256 * 512), in(1));
      byte[] expected = Arrays.copyOf(old, 256 * 512);
      System.arraycopy(some, 0, expected, 3 * 512, some.length);
      Arrays.fill(expected, 100 * 512, 150 * 512, (byte) 0);
      assertArrayEquals(expected, Arrays.copyOf(done.written(), expected.length));
      assertEquals(OK, status(client.request(0, out(header(FLUSH, 0)), in(1))));
      Completion id = client.request(0, out(header(GET_ID, 0)), in(20), in(1));
      assertArrayEquals(
          "serial-1".getBytes(StandardCharsets.US_ASCII), Arrays.copyOf(id.written(), 8));
      server.process().signal(Signals.SIGKILL);
      server.awaitExit();
      client.close();
      assertArrayEquals(old, Files.readAllBytes(file));

      server.close();
      server = TestServer.spawn("dev.basepoint.device.blk.Main");
      server.hello();
      TestDeviceClient reader = configureOverlay(base, List.of(overlay), true);
      reader.start(8 << 20, 128);
      done = reader.request(0, out(header(IN, 0)), in(256 * 512), in(1));
      assertArrayEquals(expected, Arrays.copyOf(done.written(), expected.length));
      assertEquals(IOERR, write(reader, 0, 3, some));
      reader.close();
    }
  }

  @Test
  void overlayOfATebibyteFitsASmallHeapAndADamagedOneIsRefused() throws Exception {
    server.close();
    server = TestServer.spawn(List.of("-Xmx16m"), "dev.basepoint.device.blk.Main");
    server.hello();
    long size = 1L << 40;
    long lastSector = size / 512 - 1;
    try (Fd base = MemFd.create("base", size);
        Fd overlay = MemFd.create("overlay", 0);
        Fd damaged = MemFd.create("damaged", Overlay.fileBytes(size))) {
      RequestFailedException refused =
          assertThrows(
              RequestFailedException.class,
              () -> configureOverlay(base, List.of(damaged), false).close());
      assertTrue(refused.getMessage().contains("does not start as"), refused.getMessage());
      Overlay.create(overlay, size);
      TestDeviceClient client = configureOverlay(base, List.of(overlay), false);
      client.start(8 << 20, 128);
      byte[] sector = pattern(512, 5);
      assertEquals(OK, write(client, 0, lastSector, sector));
      assertEquals(OK, write(client, 0, 0, sector));
      Completion done = client.request(0, out(header(IN, lastSector - 7)), in(8 * 512), in(1));
      assertArrayEquals(sector, Arrays.copyOfRange(done.written(), 7 * 512, 8 * 512));
      assertEquals(IOERR, write(client, 0, lastSector + 1, sector));
      client.close();
    }
  }

  @Test
  void imageTruncatedUnderneathIsAnErrorAndAWarning() throws Exception {
    TestDeviceClient client = configure(false, false, 512);
    client.start(1 << 20, 128, 128);
    try (Fd other = openImage(OpenFile.O_RDWR)) {
      MemFd.resize(other, 4096);
    }
    assertEquals(OK, status(client.request(0, out(header(IN, 0)), in(4096), in(1))));
    assertEquals(IOERR, status(client.request(0, out(header(IN, 4)), in(4096), in(1))));
    assertEquals(IOERR, status(client.request(0, out(header(IN, 100)), in(4096), in(1))));
    SupervisionEvent.Warning warning =
        assertInstanceOf(
            SupervisionEvent.Warning.class, server.events().poll(60, TimeUnit.SECONDS));
    assertTrue(warning.text().contains("4096 bytes at offset 2048"), warning.text());
    assertEquals(OK, write(client, 0, 100, pattern(512, 1)));
    assertEquals(OK, status(client.request(0, out(header(IN, 100)), in(512), in(1))));
    client.close();
  }

  @Test
  void killedInMidFlightLeavesWhatItHadFlushed() throws Exception {
    TestDeviceClient client = configure(false, false, 512);
    client.start(8 << 20, 128, 128);
    byte[] flushed = pattern(64 << 10, 4);
    assertEquals(OK, write(client, 0, 0, flushed));
    assertEquals(OK, status(client.request(0, out(header(FLUSH, 0)), in(1))));
    for (int i = 0; i < 40; i++) {
      client.guest(0).submit(out(header(OUT, 1024 + 8 * i)), out(pattern(4096, i)), in(1));
    }
    client.publish(0);
    client.await(0);
    assertFalse(client.closed().isDone());
    server.process().signal(Signals.SIGKILL);
    assertInstanceOf(ChannelClosedException.class, client.closed().get(60, TimeUnit.SECONDS));
    assertEquals(new ChildProcess.Exit(-1, Signals.SIGKILL), server.awaitExit());
    byte[] content = Files.readAllBytes(file);
    assertArrayEquals(flushed, Arrays.copyOf(content, flushed.length));
    for (int i = 0; i < 40; i++) {
      int at = (1024 + 8 * i) * 512;
      byte[] block = Arrays.copyOfRange(content, at, at + 4096);
      assertTrue(
          Arrays.equals(block, pattern(4096, i)) || Arrays.equals(block, new byte[4096]),
          "block " + i + " is torn");
    }
    client.close();
  }
}
