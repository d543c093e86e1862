package dev.basepoint.device.blk.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an overlay holds after its process was killed, or its file system was full. */
class OverlayCrashTest {
  private static final int KILLS = 6;

  @TempDir Path directory;

  @Test
  void killedInTheMiddleOfAnythingItKeepsAllThatWasAcknowledged() throws Exception {
    SplittableRandom random = new SplittableRandom();
    byte[] model = new byte[OverlayChild.DISK_BYTES];
    random.nextBytes(model);
    byte[] baseBefore = model.clone();
    Path base = Files.write(directory.resolve("base"), model);
    Path overlay = directory.resolve("overlay");
    try (Fd file = OpenFile.open(overlay.toString(), OpenFile.O_RDWR | OpenFile.O_CREAT, 0600);
        Fd baseFile = OpenFile.open(base.toString(), OpenFile.O_RDONLY)) {
      Overlay.create(file, model.length);
      for (int kill = 0; kill < KILLS; kill++) {
        long seed = random.nextLong();
        int acknowledged = runAndKill(base, overlay, seed, 1 + random.nextInt(400));
        SplittableRandom changes = new SplittableRandom(seed);
        for (int i = 0; i < acknowledged; i++) {
          DiskOperation change = DiskOperation.random(changes, model.length);
          change.applyTo(model, change.byteCount());
        }
        DiskOperation unfinished = DiskOperation.random(changes, model.length);
        byte[] now = LayeredDisk.hostView(baseFile, List.of(file));
        assertOnlyChangedBy(unfinished, model, now);
        model = now;
      }
    }
    assertArrayEquals(baseBefore, Files.readAllBytes(base));
  }

  /** Kills the child after {@code count} changes or a few more; returns how many it reported. */
  private static int runAndKill(Path base, Path overlay, long seed, int count) throws Exception {
    List<String> command =
        OverlayChild.command("change", base.toString(), overlay.toString(), "" + seed);
    Process child =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (InputStream dots = child.getInputStream()) {
      int seen = dots.readNBytes(count).length;
      assertEquals(count, seen, "the child ended by itself");
      // Of the handle: the process's own method would close the pipe.
      child.toHandle().destroyForcibly();
      seen += dots.readAllBytes().length;
      assertTrue(child.waitFor(60, TimeUnit.SECONDS));
      return seen;
    } finally {
      child.destroyForcibly();
    }
  }

  /** Each sector is as it was before the unfinished change or as it would be after. */
  private static void assertOnlyChangedBy(DiskOperation unfinished, byte[] before, byte[] now) {
    byte[] after = before.clone();
    unfinished.applyTo(after, unfinished.byteCount());
    for (int at = 0; at < now.length; at += 512) {
      int end = at + 512;
      assertTrue(
          Arrays.equals(before, at, end, now, at, end)
              || Arrays.equals(after, at, end, now, at, end),
          "sector " + at / 512 + " is neither old nor new; unfinished was " + unfinished);
    }
  }

  @Test
  void fullFileSystemIsAnErrorAndLosesNothingAcknowledged() throws Exception {
    // The user namespace lets anybody mount; the mount ends with the child.
    String script = "mount -t tmpfs -o size=1500k none \"$1\" || exit 77; shift; exec \"$@\"";
    List<String> command = new ArrayList<>(List.of("unshare", "-Urm", "sh", "-c", script, "sh"));
    command.add(directory.toString());
    command.addAll(OverlayChild.command("fill", directory.toString()));
    Process child;
    try {
      child = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      Assumptions.abort("no unshare(1): " + e.getMessage());
      return;
    }
    try (InputStream output = child.getInputStream()) {
      String text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(child.waitFor(60, TimeUnit.SECONDS));
      Assumptions.assumeTrue(
          child.exitValue() != 77 && !text.contains("unshare failed"),
          "no mounting in a user namespace here: " + text);
      assertEquals(0, child.exitValue(), text);
      assertTrue(text.matches("failures [1-9][0-9]+\\s*"), text);
    } finally {
      child.destroyForcibly();
    }
  }
}
