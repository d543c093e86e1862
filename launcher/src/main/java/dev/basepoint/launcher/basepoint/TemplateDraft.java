package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.disk.Overlay;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileLock;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * A template in the making: files in a directory that nobody sees until {@link #commit}. Closed
 * without that, it leaves nothing behind.
 */
public final class TemplateDraft implements AutoCloseable {
  /** A guest can write next to nothing on a disk with less room than this. */
  private static final long SPACE_BYTES_MIN = 64 * 1024;

  private final TemplateStore store;
  private final StoreFiles files;
  private final Path target;
  private final Path temporary;
  private final String name;
  private final String tenant;
  private final boolean replace;
  private final Optional<Template> worn;
  private final SequencedMap<String, StoredFile> contents = new LinkedHashMap<>();
  private Fd makersLock;
  private boolean published;

  private TemplateDraft(
      TemplateStore store,
      StoreFiles files,
      Path target,
      Path temporary,
      String name,
      String tenant,
      boolean replace,
      Optional<Template> worn) {
    this.store = store;
    this.files = files;
    this.target = target;
    this.temporary = temporary;
    this.name = name;
    this.tenant = tenant;
    this.replace = replace;
    this.worn = worn;
  }

  /** Makes the directory; the caller holds the store's lock. */
  static TemplateDraft create(
      TemplateStore store,
      StoreFiles files,
      Path target,
      Path temporary,
      String name,
      String tenant,
      boolean replace,
      Optional<Template> worn)
      throws IOException {
    TemplateDraft draft =
        new TemplateDraft(store, files, target, temporary, name, tenant, replace, worn);
    boolean complete = false;
    try {
      draft.storing(
          () -> {
            files.createDirectory(temporary);
            draft.makersLock = files.create(temporary.resolve(TemplateStore.MAKERS_LOCK));
          });
      if (!FileLock.tryLock(draft.makersLock, true)) {
        throw new IOException("somebody else locked the new directory " + temporary);
      }
      complete = true;
      return draft;
    } finally {
      if (!complete) {
        draft.close();
      }
    }
  }

  /** The name that the template will have. */
  public String name() {
    return name;
  }

  /** The tenant that the template will belong to. */
  public String tenant() {
    return tenant;
  }

  /** Opens a file of the draft for reading. */
  Fd open(String file) throws IOException {
    return OpenFile.open(
        temporary.resolve(file).toString(), OpenFile.O_RDONLY | OpenFile.O_NOFOLLOW);
  }

  /** Completes an overlay of {@link #create}: nothing is written to it any more, ever. */
  void freeze(String file) throws IOException {
    storing(
        () -> {
          try (Fd fd =
                  OpenFile.open(
                      temporary.resolve(file).toString(), OpenFile.O_RDWR | OpenFile.O_NOFOLLOW);
              Overlay overlay = Overlay.open(fd)) {
            if (!overlay.isFrozen()) {
              overlay.freeze();
            }
          }
        });
    seal(file);
  }

  /**
   * Makes an empty file that somebody else will fill, open for reading and writing; {@link #seal}
   * completes it.
   */
  public Fd create(String file) throws IOException {
    Fd[] created = new Fd[1];
    storing(() -> created[0] = files.create(temporary.resolve(file)));
    return created[0];
  }

  /**
   * Takes a file of {@link #create} as it is now into the template; it must not change any more.
   */
  public void seal(String file) throws IOException {
    Path path = temporary.resolve(file);
    try (Fd fd = open(file)) {
      contents.put(file, SparseReader.digest(fd));
    }
    storing(() -> files.sync(path));
  }

  /** Adds a copy of what {@code source} holds, as sparse as it can be. */
  public void add(String file, Fd source) throws IOException {
    storing(
        () -> {
          try (Fd copy = files.create(temporary.resolve(file))) {
            files.resize(copy, OpenFile.endOffset(source));
            contents.put(
                file, SparseReader.read(source, (data, offset) -> files.write(copy, data, offset)));
          }
          files.sync(temporary.resolve(file));
        });
  }

  /** Adds a text file. */
  public void add(String file, String text) throws IOException {
    write(file, text);
    try (Fd fd = open(file)) {
      contents.put(file, SparseReader.digest(fd));
    }
  }

  private void write(String file, String text) throws IOException {
    storing(
        () -> {
          try (Fd fd = files.create(temporary.resolve(file));
              Arena arena = Arena.ofConfined()) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            MemorySegment segment = arena.allocate(Math.max(1, bytes.length));
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, segment, 0, bytes.length);
            files.write(fd, segment.asSlice(0, bytes.length), 0);
          }
          files.sync(temporary.resolve(file));
        });
  }

  /** What was added so far, for the description. */
  public SequencedMap<String, StoredFile> contents() {
    return new LinkedHashMap<>(contents);
  }

  /**
   * Gives the template its name, durably. It is there, whole, when this returns.
   *
   * @param template describes exactly what was added
   */
  public void commit(Template template) throws IOException {
    if (!template.name().equals(name)
        || !template.tenant().equals(tenant)
        || !template.files().equals(contents)) {
      throw new IllegalArgumentException("the description is not of what was added");
    }
    String description = TemplateJson.write(template) + "\n";
    write(TemplateStore.DESCRIPTION, description);
    write(TemplateStore.CHECKSUM, Checksum.line(description, TemplateStore.DESCRIPTION));
    try (StoreLock _ = store.lock()) {
      store.requireFree(name, tenant, replace, worn);
      storing(
          () -> {
            files.delete(temporary.resolve(TemplateStore.MAKERS_LOCK));
            files.sync(temporary);
            publish();
          });
      store.clearLeftovers();
    }
  }

  private void publish() throws IOException {
    if (!exists(target)) {
      files.rename(temporary, target);
      published = true;
      files.sync(store.directory());
      return;
    }
    try {
      files.exchange(temporary, target);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      throw new IOException(
          "the file system of "
              + target
              + " cannot replace a directory at one instant; remove "
              + name
              + " first",
          e);
    }
    published = true;
    files.sync(store.directory());
    store.setAside(temporary, name);
  }

  @FunctionalInterface
  private interface Change {
    void make() throws IOException;
  }

  /** Makes a change, and explains it if the disk has no room for it. */
  private void storing(Change change) throws IOException {
    try {
      change.make();
    } catch (ErrnoException e) {
      throw isFull(e.errno()) ? full(e) : e;
    } catch (FileSystemException e) {
      throw "No space left on device".equals(e.getReason()) ? full(e) : e;
    }
  }

  /**
   * What to tell of a failure of whoever fills the draft: a full disk looks to a guest like a
   * broken one, and it may wait or give up for that.
   */
  IOException explained(IOException failure) throws IOException {
    boolean guestFailed =
        failure instanceof TemplateException refusal && refusal.reason() == Reason.NOT_READY;
    boolean nothingFree = Files.getFileStore(store.directory()).getUsableSpace() < SPACE_BYTES_MIN;
    if ((guestFailed && nothingFree)
        || (failure instanceof ErrnoException errno && isFull(errno.errno()))) {
      return full(failure);
    }
    return failure;
  }

  private static boolean isFull(int errno) {
    return errno == Errno.ENOSPC || errno == Errno.EDQUOT;
  }

  private TemplateException full(IOException cause) {
    String free;
    try {
      free = (Files.getFileStore(store.directory()).getUsableSpace() >> 20) + " MiB are free";
    } catch (IOException e) {
      free = "it is unknown how much is free";
    }
    return new TemplateException(
        Reason.STORAGE_FULL,
        "no room for "
            + name
            + " in "
            + store.directory()
            + " ("
            + free
            + " beside its files so far); nothing of it is kept; free some or choose another state"
            + " directory",
        cause);
  }

  /** Whether {@link #commit} has given the template its name. */
  public boolean isPublished() {
    return published;
  }

  @Override
  public void close() throws IOException {
    try {
      if (!published && exists(temporary)) {
        TemplateStore.deleteTree(files, temporary);
      }
    } finally {
      if (makersLock != null) {
        makersLock.close();
      }
    }
  }

  private static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }
}
