package dev.basepoint.ipc.virtqueue;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The layouts of this package against the C compiler's answer for linux/virtio_ring.h. */
class RingLayoutTest {
  private static final String SOURCE =
      """
      #include <stddef.h>
      #include <stdio.h>
      #include <linux/virtio_ring.h>
      int main(void) {
        printf("%zu %zu %zu %zu %zu\\n", offsetof(struct vring_desc, addr),
               offsetof(struct vring_desc, len), offsetof(struct vring_desc, flags),
               offsetof(struct vring_desc, next), sizeof(struct vring_desc));
        printf("%zu %zu %zu %zu\\n", offsetof(struct vring_avail, flags),
               offsetof(struct vring_avail, idx), offsetof(struct vring_avail, ring),
               sizeof(((struct vring_avail *) 0)->ring[0]));
        printf("%zu %zu %zu %zu %zu %zu\\n", offsetof(struct vring_used, flags),
               offsetof(struct vring_used, idx), offsetof(struct vring_used, ring),
               offsetof(struct vring_used_elem, id), offsetof(struct vring_used_elem, len),
               sizeof(struct vring_used_elem));
        printf("%d %d %d\\n", VRING_DESC_F_NEXT, VRING_DESC_F_WRITE, VRING_DESC_F_INDIRECT);
        printf("%d %d\\n", VRING_AVAIL_F_NO_INTERRUPT, VRING_USED_F_NO_NOTIFY);
        printf("%d %d %d\\n", VRING_DESC_ALIGN_SIZE, VRING_AVAIL_ALIGN_SIZE, VRING_USED_ALIGN_SIZE);
        printf("%llu %llu\\n", 1ULL << VIRTIO_RING_F_INDIRECT_DESC, 1ULL << VIRTIO_RING_F_EVENT_IDX);
        static char memory[65536] __attribute__((aligned(4096)));
        struct vring ring;
        vring_init(&ring, 256, memory, 4096);
        printf("%td %td\\n", (char *) &vring_used_event(&ring) - (char *) ring.avail,
               (char *) &vring_avail_event(&ring) - (char *) ring.used);
        for (unsigned i = 0; i < 3; i++)
          printf("%d ", vring_need_event(65535 - i, 1, 65534));
        printf("%d %d\\n", vring_need_event(5, 6, 5), vring_need_event(5, 5, 5));
        return 0;
      }
      """;

  @Test
  void offsetsAndConstantsAreThoseOfTheKernelHeader(@TempDir Path directory) throws Exception {
    assumeTrue(present("/usr/bin/gcc"), "gcc is missing");
    assumeTrue(present("/usr/include/linux/virtio_ring.h"), "the kernel headers are missing");
    Path source = Files.writeString(directory.resolve("layout.c"), SOURCE);
    Path program = directory.resolve("layout");
    run(directory, "/usr/bin/gcc", "-o", program.toString(), source.toString());
    List<String> answers = run(directory, program.toString()).lines().toList();

    assertEquals(
        answers.get(0),
        join(
            VirtqDesc.ADDR_OFFSET,
            VirtqDesc.LEN_OFFSET,
            VirtqDesc.FLAGS_OFFSET,
            VirtqDesc.NEXT_OFFSET,
            VirtqDesc.BYTES));
    assertEquals(
        answers.get(1),
        join(
            VirtqAvail.FLAGS_OFFSET,
            VirtqAvail.IDX_OFFSET,
            VirtqAvail.RING_OFFSET,
            VirtqAvail.ENTRY_BYTES));
    assertEquals(
        answers.get(2),
        join(
            VirtqUsed.FLAGS_OFFSET,
            VirtqUsed.IDX_OFFSET,
            VirtqUsed.RING_OFFSET,
            VirtqUsed.ENTRY_ID_OFFSET,
            VirtqUsed.ENTRY_LEN_OFFSET,
            VirtqUsed.ENTRY_BYTES));
    assertEquals(
        answers.get(3),
        join(
            VirtqDesc.VIRTQ_DESC_F_NEXT,
            VirtqDesc.VIRTQ_DESC_F_WRITE,
            VirtqDesc.VIRTQ_DESC_F_INDIRECT));
    assertEquals(
        answers.get(4),
        join(VirtqAvail.VIRTQ_AVAIL_F_NO_INTERRUPT, VirtqUsed.VIRTQ_USED_F_NO_NOTIFY));
    assertEquals(
        answers.get(5), join(VirtqDesc.ALIGNMENT, VirtqAvail.ALIGNMENT, VirtqUsed.ALIGNMENT));
    assertEquals(
        answers.get(6), join(RingFeatures.VIRTIO_F_INDIRECT_DESC, RingFeatures.VIRTIO_F_EVENT_IDX));
    assertEquals(
        answers.get(7), join(VirtqAvail.usedEventOffset(256), VirtqUsed.availEventOffset(256)));
    assertEquals(
        answers.get(8),
        join(
            bit(RingFeatures.passed(65535, 65534, 1)),
            bit(RingFeatures.passed(65534, 65534, 1)),
            bit(RingFeatures.passed(65533, 65534, 1)),
            bit(RingFeatures.passed(5, 5, 6)),
            bit(RingFeatures.passed(5, 5, 5))));
  }

  private static long bit(boolean value) {
    return value ? 1 : 0;
  }

  private static boolean present(String path) {
    return Files.exists(Path.of(path));
  }

  private static String join(long... values) {
    StringBuilder text = new StringBuilder();
    for (long value : values) {
      text.append(text.isEmpty() ? "" : " ").append(value);
    }
    return text.toString();
  }

  private static String run(Path directory, String... command)
      throws IOException, InterruptedException {
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(command[0] + " does not end");
    }
    String text = Files.readString(output, StandardCharsets.UTF_8);
    assertEquals(0, process.exitValue(), text);
    return text;
  }
}
