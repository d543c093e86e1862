package dev.basepoint.launcher.basepoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever ends a change of a store, and whenever: the old or the new is there, and nothing else.
 */
final class TemplateCrashTest {
  @TempDir private Path directory;

  /** Every file operation passes here, with what it is about to do. */
  private abstract static class WatchedFiles implements StoreFiles {
    private final StoreFiles real = new LinuxStoreFiles();

    abstract void before(String operation, Path path) throws IOException;

    void beforeWrite(Fd file, MemorySegment data, long offset) throws IOException {
      before("write", null);
    }

    abstract void created(Fd file, Path path);

    @Override
    public void createDirectory(Path path) throws IOException {
      before("createDirectory", path);
      real.createDirectory(path);
    }

    @Override
    public Fd create(Path path) throws IOException {
      before("create", path);
      Fd file = real.create(path);
      created(file, path);
      return file;
    }

    @Override
    public void write(Fd file, MemorySegment data, long offset) throws IOException {
      beforeWrite(file, data, offset);
      real.write(file, data, offset);
    }

    @Override
    public void resize(Fd file, long sizeBytes) throws IOException {
      before("resize", null);
      real.resize(file, sizeBytes);
    }

    @Override
    public void sync(Path path) throws IOException {
      before("sync", path);
      real.sync(path);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
      before("rename", from);
      real.rename(from, to);
    }

    @Override
    public void exchange(Path one, Path other) throws IOException {
      before("exchange", one);
      real.exchange(one, other);
    }

    @Override
    public void delete(Path path) throws IOException {
      before("delete", path);
      real.delete(path);
    }
  }

  /** Lets some operations pass; the next tears, and then nothing works any more. */
  private static final class CrashingFiles extends WatchedFiles {
    private int left;
    private final StoreFiles real = new LinuxStoreFiles();

    CrashingFiles(int operations) {
      left = operations;
    }

    @Override
    void before(String operation, Path path) throws IOException {
      if (left-- <= 0) {
        throw new Crash();
      }
    }

    @Override
    void created(Fd file, Path path) {}

    @Override
    void beforeWrite(Fd file, MemorySegment data, long offset) throws IOException {
      if (left == 0) {
        real.write(file, data.asSlice(0, data.byteSize() / 2), offset);
      }
      before("write", null);
    }
  }

  private static final class Crash extends IOException {}

  /** A change of a store that may be cut short. */
  private enum Change {
    CREATE(0, 2) {
      @Override
      void make(TemplateStore store) throws IOException {
        Sample.make(store, 2, false);
      }
    },
    REPLACE(1, 2) {
      @Override
      void make(TemplateStore store) throws IOException {
        Sample.make(store, 2, true);
      }
    },
    REMOVE(1, 0) {
      @Override
      void make(TemplateStore store) throws IOException {
        store.remove(Sample.NAME, Sample.TENANT);
      }
    };

    final int before;
    final int after;

    Change(int before, int after) {
      this.before = before;
      this.after = after;
    }

    abstract void make(TemplateStore store) throws IOException;
  }

  @ParameterizedTest
  @EnumSource(Change.class)
  void aCrashAtAnyStepLeavesTheOldOrTheNew(Change change) throws Exception {
    Set<Integer> seen = new HashSet<>();
    boolean acknowledged = false;
    int steps = 0;
    while (!acknowledged) {
      Path place = directory.resolve(change + "-" + steps);
      Files.createDirectory(place);
      if (change.before != 0) {
        Sample.make(Sample.store(place), change.before, false);
      }
      try {
        change.make(new TemplateStore(place, Template.Kind.TEMPLATE, new CrashingFiles(steps)));
        acknowledged = true;
      } catch (Crash e) {
        steps++;
      }
      TemplateStore afterwards = Sample.store(place);
      int found = stored(afterwards);
      seen.add(found);
      assertTrue(found == change.before || found == change.after, "found " + found);
      if (acknowledged) {
        assertEquals(change.after, found);
      }
      Sample.make(afterwards, 3, true);
      assertEquals(3, stored(afterwards));
      assertEquals(List.of(Sample.NAME), Sample.names(place));
    }
    assertTrue(steps > 3, steps + " steps");
    assertEquals(Set.of(change.before, change.after), seen);
  }

  /** The number of what is stored, 0 if there is nothing. */
  private static int stored(TemplateStore store) throws IOException {
    return store.list().isEmpty() ? 0 : Sample.verifiedNumber(store);
  }

  @Test
  void everythingIsDurableBeforeItsNameIs() throws Exception {
    Set<Path> dirty = new HashSet<>();
    Map<Fd, Path> open = new HashMap<>();
    List<String> published = new ArrayList<>();
    WatchedFiles files =
        new WatchedFiles() {
          @Override
          void created(Fd file, Path path) {
            open.put(file, path);
            dirty.add(path);
            dirty.add(path.getParent());
          }

          @Override
          void beforeWrite(Fd file, MemorySegment data, long offset) {
            dirty.add(open.get(file));
          }

          @Override
          void before(String operation, Path path) {
            switch (operation) {
              case "sync" -> dirty.remove(path);
              case "rename", "exchange" -> {
                if (path.getFileName().toString().startsWith(".new-") && dirty.contains(path)) {
                  throw new AssertionError(operation + " of a directory with unsaved names");
                }
                published.add(operation + " with unsaved " + dirty);
                dirty.add(path.getParent());
              }
              case "delete" -> {
                dirty.remove(path);
                dirty.add(path.getParent());
              }
              default -> {}
            }
          }
        };
    TemplateStore store = new TemplateStore(directory, Template.Kind.TEMPLATE, files);
    Sample.make(store, 1, false);
    assertEquals(List.of("rename with unsaved []"), published);
    Sample.make(store, 2, true);
    assertEquals("exchange with unsaved []", published.get(1));
  }

  @Test
  void killedMakersLeaveTheLastAcknowledgedOrANewerOne() throws Exception {
    Random random = new Random(42);
    int last = 0;
    for (int round = 0; round < 8; round++) {
      Process maker = child(List.of(), RepeatedMaker.class, directory.toString(), "" + (last + 1));
      try (BufferedReader lines = maker.inputReader(StandardCharsets.US_ASCII)) {
        int wanted = 1 + random.nextInt(4);
        for (int i = 0; i < wanted; i++) {
          String line = lines.readLine();
          last = Integer.parseInt(line);
        }
        long spin = System.nanoTime() + random.nextInt(3_000_000);
        while (System.nanoTime() < spin) {
          Thread.onSpinWait();
        }
        maker.toHandle().destroyForcibly();
        assertTrue(maker.waitFor(60, TimeUnit.SECONDS));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
          last = Integer.parseInt(line);
        }
      }
      int found = Sample.verifiedNumber(Sample.store(directory));
      assertTrue(found == last || found == last + 1, "found " + found + " after " + last);
      last = found;
    }
    Sample.make(Sample.store(directory), 1, true);
    assertEquals(List.of(Sample.NAME), Sample.names(directory));
  }

  @Test
  void aFullDiskLeavesWhatWasThere() throws Exception {
    assumeTrue(System.getProperty("user.name").equals("root"), "needs root to mount a small disk");
    Process child =
        child(
            List.of("unshare", "--mount", "--propagation", "private"),
            FullDisk.class,
            directory.toString());
    String output =
        new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            + new String(child.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(child.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, child.exitValue(), output);
  }

  private static Process child(List<String> prefix, Class<?> main, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).start();
  }

  /** Makes one template after the other until it is killed; says each that is acknowledged. */
  static final class RepeatedMaker {
    private RepeatedMaker() {}

    public static void main(String[] args) throws Exception {
      TemplateStore store = Sample.store(Path.of(args[0]));
      for (int number = Integer.parseInt(args[1]); number < 120; number++) {
        Sample.make(store, number, true);
        System.out.println(number);
      }
    }
  }

  /** Makes templates on a disk that has room for a little more each time, until one fits. */
  static final class FullDisk {
    private FullDisk() {}

    public static void main(String[] args) throws Exception {
      Path disk = Path.of(args[0]);
      mount("-t", "tmpfs", "-o", "size=256k,nr_inodes=1000", "tmpfs", disk.toString());
      TemplateStore store = Sample.store(disk);
      Sample.make(store, 1, false);
      long used =
          Files.getFileStore(disk).getTotalSpace() - Files.getFileStore(disk).getUsableSpace();
      int full = 0;
      for (long more = 0; ; more += 4096) {
        mount("-o", "remount,size=" + (used + more), disk.toString());
        try {
          Sample.make(store, 2, true);
          assertEquals(2, Sample.verifiedNumber(store));
          break;
        } catch (IOException e) {
          assertTrue(isRefusalForFullDisk(e), e.toString());
          assertEquals(1, Sample.verifiedNumber(store));
          assertEquals(List.of(Sample.NAME), Sample.names(disk));
          full++;
        }
      }
      assertTrue(full >= 4, "full " + full + " times");
    }

    /** By the store, or by the kernel to whoever fills a file of a draft by himself. */
    private static boolean isRefusalForFullDisk(IOException e) {
      return (e instanceof TemplateException refused
              && refused.reason() == TemplateException.Reason.STORAGE_FULL)
          || (e instanceof ErrnoException errno && errno.errno() == Errno.ENOSPC);
    }

    private static void mount(String... arguments) throws Exception {
      List<String> command = new ArrayList<>(List.of("mount"));
      command.addAll(List.of(arguments));
      Process mount = new ProcessBuilder(command).inheritIO().start();
      assertEquals(0, mount.waitFor());
    }
  }
}
