package dev.basepoint.device.blk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.device.blk.image.ImageTraits;
import dev.basepoint.device.blk.image.ImageTraits.Waiting;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class BlkConfigSpaceTest {
  private static final long IMAGE_BYTES = 1L << 30;

  private static BlkSettings settings(
      int queueCount, int queueSize, int blockSize, boolean discard) {
    return new BlkSettings("disk", "serial", queueCount, queueSize, blockSize, discard);
  }

  private static ImageTraits image(boolean readOnly, boolean discard) {
    return new ImageTraits(IMAGE_BYTES, readOnly, discard, 4096, Waiting.SELDOM, Waiting.SELDOM);
  }

  @Test
  void fieldsLieWhereTheSpecificationPutsThem() {
    BlkSettings settings = settings(4, 256, 512, true);
    BlkConfigSpace config = new BlkConfigSpace(settings, image(false, true), RequestLimits.of(256));
    ByteBuffer bytes = ByteBuffer.wrap(config.toBytes()).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(60, bytes.capacity());
    assertEquals(IMAGE_BYTES / 512, bytes.getLong(0), "capacity");
    assertEquals(32768, bytes.getInt(8), "size_max");
    assertEquals(126, bytes.getInt(12), "seg_max");
    assertEquals(0, bytes.getInt(16), "geometry");
    assertEquals(512, bytes.getInt(20), "blk_size");
    assertEquals(3, bytes.get(24), "physical_block_exp");
    assertEquals(0, bytes.get(25), "alignment_offset");
    assertEquals(8, bytes.getShort(26), "min_io_size");
    assertEquals(0, bytes.getInt(28), "opt_io_size");
    assertEquals(1, bytes.get(32), "writeback");
    assertEquals(0, bytes.get(33), "unused0");
    assertEquals(4, bytes.getShort(34), "num_queues");
    assertEquals(4 << 20, bytes.getInt(36), "max_discard_sectors");
    assertEquals(16, bytes.getInt(40), "max_discard_seg");
    assertEquals(8, bytes.getInt(44), "discard_sector_alignment");
    assertEquals(128 << 10, bytes.getInt(48), "max_write_zeroes_sectors");
    assertEquals(16, bytes.getInt(52), "max_write_zeroes_seg");
    assertEquals(1, bytes.get(56), "write_zeroes_may_unmap");
    assertEquals(0x7e46 & BlkConfigSpace.features(settings, image(false, true)), 0x7e46);
    assertEquals(0x7e46, BlkConfigSpace.features(settings, image(false, true)));
  }

  @Test
  void onlyWhatIsTrueOfTheImageIsOffered() {
    BlkSettings settings = settings(1, 128, 4096, true);
    assertEquals(
        0x0666, BlkConfigSpace.features(settings, image(true, false)), "read-only, one queue");
    assertEquals(
        0x4e46, BlkConfigSpace.features(settings, image(false, false)), "no holes, but zeros");
    assertEquals(
        0x0e46,
        BlkConfigSpace.features(settings(1, 128, 4096, false), image(false, true)),
        "discard switched off");
    BlkConfigSpace config = new BlkConfigSpace(settings, image(true, false), RequestLimits.of(8));
    ByteBuffer bytes = ByteBuffer.wrap(config.toBytes()).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(6, bytes.getInt(12), "seg_max leaves room for header and status");
    assertEquals(4096, bytes.getInt(20), "blk_size");
    assertEquals(0, bytes.get(24), "physical_block_exp");
    assertEquals(0, bytes.get(32), "writeback");
    assertEquals(0, bytes.getInt(36), "max_discard_sectors");
    assertEquals(0, bytes.getInt(48), "max_write_zeroes_sectors");
    assertFalse(config.isWriteback());
    assertTrue(config.setWriteback(true));
    assertFalse(config.setWriteback(true));
  }

  @Test
  void settingsThatDoNotFitTheImageAreRefusedInOneSentence() throws IOException {
    settings(1, 128, 4096, true).checkFor(1 << 20);
    assertMessage(
        settings(1, 128, 4096, true), (1 << 20) + 512, "not a multiple of its block size");
    assertMessage(settings(1, 128, 4096, true), 512, "not a multiple of its block size");
    assertMessage(settings(1, 2, 512, true), 1 << 20, "at least 4");
    assertMessage(new BlkSettings("disk", "s\u00e9rie", 1, 128, 512, true), 1 << 20, "ASCII");
  }

  private static void assertMessage(BlkSettings settings, long imageBytes, String reason) {
    IOException refused = assertThrows(IOException.class, () -> settings.checkFor(imageBytes));
    assertTrue(refused.getMessage().contains(reason), refused.getMessage());
  }
}
