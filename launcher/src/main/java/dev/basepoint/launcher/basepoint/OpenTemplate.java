package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileLock;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * A template in use. It is bound to the directory that it was opened in, which nobody deletes while
 * it is open, and not to a name that may come to mean another.
 */
public final class OpenTemplate implements AutoCloseable {
  private static final int DESCRIPTION_BYTES_MAX = 1 << 20;

  private final Fd directory;
  private final Fd usersLock;
  private final Path path;
  private final Path named;
  private Template template;

  private OpenTemplate(Fd directory, Fd usersLock, Path named) {
    this.directory = directory;
    this.usersLock = usersLock;
    this.path = bound(directory);
    this.named = named;
  }

  /** A path that leads into an open directory, whatever its name is by now. */
  private static Path bound(Fd directory) {
    return Path.of("/proc/self/fd/" + directory.number());
  }

  /**
   * Opens a directory as the template that it should be.
   *
   * @return empty if the directory was removed or replaced meanwhile
   */
  static Optional<OpenTemplate> open(Path path, String name, Template.Kind kind)
      throws IOException {
    Fd directory;
    try {
      directory =
          OpenFile.open(
              path.toString(), OpenFile.O_RDONLY | OpenFile.O_DIRECTORY | OpenFile.O_NOFOLLOW);
    } catch (ErrnoException e) {
      return switch (e.errno()) {
        case Errno.ENOENT -> Optional.empty();
        case Errno.ENOTDIR -> throw damaged(name, kind, path + " is no directory", e);
        default -> throw e;
      };
    }
    Fd usersLock = null;
    boolean complete = false;
    try {
      usersLock = openDescription(directory, path, name, kind);
      // Who deletes a template locks it first; if that was faster, the name is gone after the lock.
      if (usersLock == null
          || !FileLock.tryLock(usersLock, false)
          || !Files.exists(bound(directory).resolve(TemplateStore.DESCRIPTION))) {
        return Optional.empty();
      }
      OpenTemplate open = new OpenTemplate(directory, usersLock, path.toAbsolutePath());
      open.template = open.readDescription(name, kind);
      open.requireFiles();
      complete = true;
      return Optional.of(open);
    } finally {
      if (!complete) {
        directory.close();
        if (usersLock != null) {
          usersLock.close();
        }
      }
    }
  }

  private static Fd openDescription(Fd directory, Path path, String name, Template.Kind kind)
      throws IOException {
    Path description = bound(directory).resolve(TemplateStore.DESCRIPTION);
    try {
      return OpenFile.open(description.toString(), OpenFile.O_RDONLY | OpenFile.O_NOFOLLOW);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      if (Files.exists(path) && Files.isSameFile(path, bound(directory))) {
        throw damaged(name, kind, TemplateStore.DESCRIPTION + " is missing", e);
      }
      return null;
    }
  }

  private static TemplateException damaged(
      String name, Template.Kind kind, String how, Throwable cause) {
    return new TemplateException(
        Reason.DAMAGED,
        kind.key() + " " + name + " is damaged: " + how + "; remove it and make it again",
        cause);
  }

  private TemplateException damaged(String how) {
    return damaged(template.name(), template.kind(), how, null);
  }

  private Template readDescription(String name, Template.Kind kind) throws IOException {
    byte[] description = readShort(name, kind, TemplateStore.DESCRIPTION);
    byte[] checksum = readShort(name, kind, TemplateStore.CHECKSUM);
    String expected = Checksum.line(description, TemplateStore.DESCRIPTION);
    if (!expected.equals(new String(checksum, StandardCharsets.ISO_8859_1))) {
      throw damaged(
          name,
          kind,
          TemplateStore.DESCRIPTION + " does not have the checksum recorded for it",
          null);
    }
    Template read;
    try {
      JsonTree json = JsonTree.parse(new String(description, StandardCharsets.UTF_8));
      long format = TemplateJson.format(json);
      if (format > TemplateJson.FORMAT) {
        throw new TemplateException(
            Reason.NEWER,
            kind.key()
                + " "
                + name
                + " has format "
                + format
                + " of a newer version; this one reads up to "
                + TemplateJson.FORMAT
                + ": use the newer one, or make it again");
      }
      read = TemplateJson.read(json);
    } catch (TemplateException e) {
      throw e;
    } catch (IOException e) {
      throw damaged(name, kind, TemplateStore.DESCRIPTION + ": " + e.getMessage(), e);
    }
    if (!read.name().equals(name) || read.kind() != kind) {
      throw damaged(
          name,
          kind,
          "it is " + read.kind().key() + " " + read.name() + " under a wrong name",
          null);
    }
    return read;
  }

  private byte[] readShort(String name, Template.Kind kind, String file) throws IOException {
    if (!Files.isRegularFile(path.resolve(file), LinkOption.NOFOLLOW_LINKS)) {
      throw damaged(name, kind, file + " is missing", null);
    }
    try (InputStream in = Files.newInputStream(path.resolve(file))) {
      byte[] bytes = in.readNBytes(DESCRIPTION_BYTES_MAX + 1);
      if (bytes.length > DESCRIPTION_BYTES_MAX) {
        throw damaged(name, kind, file + " is larger than 1 MiB", null);
      }
      return bytes;
    }
  }

  /** Exactly the described files are there, and each has its size. */
  private void requireFiles() throws IOException {
    Set<String> expected = new TreeSet<>(template.files().keySet());
    expected.add(TemplateStore.DESCRIPTION);
    expected.add(TemplateStore.CHECKSUM);
    Set<String> present = new TreeSet<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(path)) {
      stream.forEach(entry -> present.add(entry.getFileName().toString()));
    }
    for (String file : expected) {
      if (!present.remove(file)) {
        throw damaged(file + " is missing");
      }
    }
    if (!present.isEmpty()) {
      throw damaged(present.iterator().next() + " does not belong to it");
    }
    for (String file : template.files().keySet()) {
      openFile(file).close();
    }
    requireReferences();
  }

  /** Everything that the description refers to is one of the described files. */
  private void requireReferences() throws TemplateException {
    Set<String> known = template.files().keySet();
    for (String file : Set.of(Template.MANIFEST, Template.STATE, Template.RAM)) {
      if (!known.contains(file)) {
        throw damaged("its description lacks " + file);
      }
    }
    if (template.files().get(Template.RAM).sizeBytes() != template.memoryBytes()) {
      throw damaged(
          Template.RAM
              + " has "
              + template.files().get(Template.RAM).sizeBytes()
              + " bytes for a machine of "
              + template.memoryBytes());
    }
    for (TemplateDisk disk : template.disks()) {
      if (!known.containsAll(disk.layers())
          || (disk.base() instanceof TemplateDisk.Own own && !known.contains(own.file()))) {
        throw damaged("its description lacks a file of disk " + disk.device());
      }
    }
  }

  /**
   * Opens a file of the template for reading; its size is right, its content not yet checked.
   *
   * @throws TemplateException if it is missing or has another size
   */
  Fd openFile(String file) throws IOException {
    Fd fd;
    try {
      fd = OpenFile.open(path.resolve(file).toString(), OpenFile.O_RDONLY | OpenFile.O_NOFOLLOW);
    } catch (ErrnoException e) {
      throw e.errno() == Errno.ENOENT ? damaged(file + " is missing") : e;
    }
    boolean fits = false;
    try {
      FileStatus status = FileStatus.of(fd);
      long expected = template.files().get(file).sizeBytes();
      if (status.type() != FileStatus.Type.REGULAR || status.sizeBytes() != expected) {
        throw damaged(file + " has " + status.sizeBytes() + " bytes instead of " + expected);
      }
      fits = true;
      return fd;
    } finally {
      if (!fits) {
        fd.close();
      }
    }
  }

  /**
   * Reads a file, passes its content on, and checks it against its checksum at the end: what was
   * passed on must not be used before this returns.
   *
   * @throws TemplateException if the checksum is another
   */
  void read(String file, Fd fd, SparseReader.Sink sink) throws IOException {
    if (!SparseReader.read(fd, sink).equals(template.files().get(file))) {
      throw damaged(file + " does not have the checksum recorded for it");
    }
  }

  /** Whether it is still in its place: neither removed nor replaced since it was opened. */
  public boolean isCurrent() {
    try {
      return Files.isSameFile(named, path);
    } catch (IOException e) {
      return false;
    }
  }

  /** What it says of itself. */
  public Template template() {
    return template;
  }

  /** The manifest's text, checked. */
  public String manifest() throws IOException {
    try (Fd fd = openFile(Template.MANIFEST)) {
      read(Template.MANIFEST, fd, (_, _) -> {});
      byte[] bytes = Files.readAllBytes(path.resolve(Template.MANIFEST));
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }

  /**
   * @throws TemplateException if a guest of this template must not run on {@code host}'s CPU
   */
  public void requireHost(CpuFingerprint host) throws TemplateException {
    Optional<String> obstacle = template.cpu().obstacle(host);
    if (obstacle.isPresent()) {
      throw new TemplateException(
          Reason.FOREIGN,
          template.kind().key()
              + " "
              + template.name()
              + " does not fit this host: "
              + obstacle.get()
              + "; make it again here");
    }
  }

  /**
   * Looks at the images that lie outside of the template, by size and time only.
   *
   * @throws TemplateException if one is missing or was changed
   */
  public void requireBases() throws IOException {
    for (TemplateDisk disk : template.disks()) {
      if (disk.base() instanceof TemplateDisk.Reference reference) {
        try (Fd image = BaseImage.open(disk.device(), reference.path())) {
          BaseImage.requireUnchanged(disk.device(), reference, image);
        }
      }
    }
  }

  /**
   * Opens every disk, each image outside of the template locked against whoever would write to it.
   *
   * @return closed by the caller
   * @throws TemplateException if a file is missing or an image was changed
   */
  public List<FrozenDisk> openDisks() throws IOException {
    List<FrozenDisk> disks = new ArrayList<>();
    boolean complete = false;
    try {
      for (TemplateDisk disk : template.disks()) {
        disks.add(openDisk(disk));
      }
      complete = true;
      return disks;
    } finally {
      if (!complete) {
        disks.forEach(FrozenDisk::close);
      }
    }
  }

  private FrozenDisk openDisk(TemplateDisk disk) throws IOException {
    List<Fd> opened = new ArrayList<>();
    boolean complete = false;
    try {
      opened.add(openBase(disk));
      for (String layer : disk.layers()) {
        Fd file = openFile(layer);
        opened.add(file);
        read(layer, file, (_, _) -> {});
      }
      complete = true;
      return new FrozenDisk(disk.device(), opened.getFirst(), opened.subList(1, opened.size()));
    } finally {
      if (!complete) {
        opened.forEach(Fd::close);
      }
    }
  }

  private Fd openBase(TemplateDisk disk) throws IOException {
    return switch (disk.base()) {
      case TemplateDisk.Own own -> openFile(own.file());
      case TemplateDisk.Reference reference -> {
        Fd image = BaseImage.open(disk.device(), reference.path());
        try {
          BaseImage.requireUnchanged(disk.device(), reference, image);
        } catch (IOException e) {
          image.close();
          throw e;
        }
        yield image;
      }
    };
  }

  /**
   * Reads everything, the images outside of the template included, and checks each byte.
   *
   * @param step told what is being read
   * @throws TemplateException at the first difference
   */
  public void verify(Consumer<String> step) throws IOException {
    for (String file : template.files().keySet()) {
      step.accept("checking " + file + " of " + template.name());
      try (Fd fd = openFile(file)) {
        read(file, fd, (_, _) -> {});
      }
    }
    for (TemplateDisk disk : template.disks()) {
      if (disk.base() instanceof TemplateDisk.Reference reference) {
        step.accept("checking " + reference.path());
        try (Fd image = BaseImage.open(disk.device(), reference.path())) {
          BaseImage.requireUnchanged(disk.device(), reference, image);
          BaseImage.requireContent(disk.device(), reference, image);
        }
      }
    }
  }

  @Override
  public void close() {
    usersLock.close();
    directory.close();
  }
}
