package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileLock;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The templates, or the snapshots, of a state directory; a directory each. Several processes may
 * use a store at once. A crash at any moment leaves the old or the new under a name, never a half;
 * what it leaves under other names is cleared away by the next change.
 *
 * <pre>
 *   .lock             held while names change
 *   NAME/             a template
 *   NAME/template.json         its description; whoever uses the template holds a shared lock on it
 *   NAME/template.json.sha256  the description's checksum, as sha256sum writes it
 *   .new-NAME/        in the making; its maker holds a lock on the file in_the_making
 *   .old-NAME-N/      removed or replaced, and perhaps still in use
 *   .forks-NAME       how often the template was forked
 * </pre>
 */
public final class TemplateStore {
  static final String DESCRIPTION = "template.json";
  static final String CHECKSUM = "template.json.sha256";
  static final String MAKERS_LOCK = "in_the_making";

  private static final int OPEN_ATTEMPTS_MAX = 1000;
  private static final String NEW = ".new-";
  private static final String OLD = ".old-";
  private static final String FORKS = ".forks-";
  private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern TENANT = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");

  private final Path directory;
  private final Template.Kind kind;
  private final StoreFiles files;

  TemplateStore(Path directory, Template.Kind kind, StoreFiles files) {
    this.directory = directory;
    this.kind = kind;
    this.files = files;
  }

  /** What of {@code kind} is kept in a state directory; nothing is made on disk yet. */
  public static TemplateStore of(StateDirectory state, Template.Kind kind) {
    return new TemplateStore(state.path().resolve(kind.directory()), kind, new LinuxStoreFiles());
  }

  /**
   * An entry of a store.
   *
   * @param template empty if it cannot be used at all
   * @param problem why it cannot be used, or empty
   */
  public record Entry(
      String name, Optional<Template> template, Optional<TemplateException> problem) {}

  /** Everything in the store, by name, the damaged included. */
  public List<Entry> list() throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (String name : names()) {
      if (!NAME.matcher(name).matches()) {
        continue;
      }
      try (OpenTemplate open = open(name)) {
        entries.add(new Entry(name, Optional.of(open.template()), Optional.empty()));
      } catch (TemplateException e) {
        if (e.reason() != Reason.UNKNOWN) {
          entries.add(new Entry(name, Optional.empty(), Optional.of(e)));
        }
      }
    }
    return entries;
  }

  private List<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    if (Files.isDirectory(directory)) {
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        stream.forEach(path -> names.add(path.getFileName().toString()));
      }
    }
    names.sort(null);
    return names;
  }

  /**
   * Opens what has {@code name}. It stays whole for as long as it is open, also if it is removed or
   * replaced meanwhile.
   *
   * @throws TemplateException if there is none, or it is damaged or of a newer version
   */
  public OpenTemplate open(String name) throws IOException {
    Path path = path(name);
    // Each attempt can fail only because another command replaced the template during it.
    for (int attempt = 0; attempt < OPEN_ATTEMPTS_MAX; attempt++) {
      Optional<OpenTemplate> open = OpenTemplate.open(path, name, kind);
      if (open.isPresent()) {
        return open.get();
      }
      if (!exists(path)) {
        throw unknown(name);
      }
    }
    throw new TemplateException(
        Reason.BUSY, kind.key() + " " + name + " is being replaced again and again; try later");
  }

  private TemplateException unknown(String name) throws IOException {
    List<String> known = names().stream().filter(n -> NAME.matcher(n).matches()).toList();
    return new TemplateException(
        Reason.UNKNOWN,
        "there is no "
            + kind.key()
            + " "
            + name
            + (known.isEmpty() ? "; make one first" : "; there are: " + String.join(", ", known)));
  }

  /**
   * Starts to make something called {@code name}. The name is taken from now on.
   *
   * @param replace whether it may take the place of one that exists, of the same tenant
   * @throws TemplateException if the name is taken
   */
  public TemplateDraft begin(String name, String tenant, boolean replace) throws IOException {
    return begin(name, tenant, replace, Optional.empty());
  }

  /**
   * Starts to make {@code worn} again. The new one takes its place, and nobody else's: if {@code
   * worn} is removed or replaced meanwhile, the new one is not kept.
   *
   * @throws TemplateException if it is no longer there
   */
  public TemplateDraft beginAgain(Template worn) throws IOException {
    return begin(worn.name(), worn.tenant(), true, Optional.of(worn));
  }

  private TemplateDraft begin(String name, String tenant, boolean replace, Optional<Template> worn)
      throws IOException {
    if (!TENANT.matcher(tenant).matches()) {
      throw new IllegalArgumentException("a tenant is letters, digits and ._-, at most 63");
    }
    Path target = path(name);
    Path temporary = directory.resolve(NEW + name);
    StateDirectory.createPrivate(directory);
    try (StoreLock _ = lock()) {
      clearLeftovers();
      requireFree(name, tenant, replace, worn);
      if (exists(temporary)) {
        throw new TemplateException(
            Reason.BUSY,
            kind.key() + " " + name + " is being made by another command; wait for it");
      }
      return TemplateDraft.create(this, files, target, temporary, name, tenant, replace, worn);
    }
  }

  /**
   * @param worn the only one that may be in the way, and must be; empty for any
   */
  void requireFree(String name, String tenant, boolean replace, Optional<Template> worn)
      throws IOException {
    if (worn.isPresent()) {
      requireStill(worn.get());
      return;
    }
    if (!exists(path(name))) {
      return;
    }
    if (!replace) {
      throw new TemplateException(
          Reason.NAME_TAKEN,
          "there is a "
              + kind.key()
              + " "
              + name
              + " already; choose another name, replace it (--replace) or remove it first");
    }
    requireOwner(name, tenant);
  }

  private void requireStill(Template template) throws IOException {
    try (OpenTemplate open = open(template.name())) {
      if (open.template().equals(template)) {
        return;
      }
    } catch (TemplateException e) {
      if (e.reason() != Reason.UNKNOWN) {
        throw e;
      }
    }
    throw new TemplateException(
        Reason.CANCELLED,
        kind.key()
            + " "
            + template.name()
            + " was removed or replaced while it was being made again, and is left so");
  }

  /** Of a damaged one nobody knows the owner: whoever may write here may clear it away. */
  private void requireOwner(String name, String tenant) throws IOException {
    try (OpenTemplate open = open(name)) {
      open.template().requireTenant(tenant);
    } catch (TemplateException e) {
      if (e.reason() != Reason.DAMAGED) {
        throw e;
      }
    }
  }

  /**
   * Removes what has {@code name}. Whoever has it open keeps it until then.
   *
   * @throws TemplateException if there is none, or it belongs to another tenant
   */
  public void remove(String name, String tenant) throws IOException {
    Path path = path(name);
    if (!exists(path)) {
      throw unknown(name);
    }
    try (StoreLock _ = lock()) {
      clearLeftovers();
      if (!exists(path)) {
        throw unknown(name);
      }
      requireOwner(name, tenant);
      setAside(path, name);
      files.delete(directory.resolve(FORKS + name));
      files.sync(directory);
      clearLeftovers();
    }
  }

  /** Gives a directory a name that marks it as removed; the caller holds the lock. */
  void setAside(Path path, String name) throws IOException {
    int number = 0;
    Path aside = directory.resolve(OLD + name + "-" + number);
    while (exists(aside)) {
      number++;
      aside = directory.resolve(OLD + name + "-" + number);
    }
    files.rename(path, aside);
  }

  /** Counts the forks of {@code template}, which must be in this store. */
  public ForkCounter forks(Template template) throws IOException {
    return ForkCounter.open(directory.resolve(FORKS + template.name()), template.created());
  }

  /** How many forks of {@code template}, which must be in this store, were counted. */
  public long forkCount(Template template) throws IOException {
    return ForkCounter.read(directory.resolve(FORKS + template.name()), template.created());
  }

  StoreLock lock() throws IOException {
    return StoreLock.acquire(directory.resolve(".lock"));
  }

  Path directory() {
    return directory;
  }

  /**
   * Deletes what nobody uses of what was given up, removed or replaced; the caller has the lock.
   */
  void clearLeftovers() throws IOException {
    for (String name : names()) {
      if (name.startsWith(NEW) || name.startsWith(OLD)) {
        clear(directory.resolve(name));
      }
    }
  }

  private void clear(Path leftover) throws IOException {
    try (Fd _ = lockIfUnused(leftover.resolve(MAKERS_LOCK));
        Fd _ = lockIfUnused(leftover.resolve(DESCRIPTION))) {
      deleteTree(files, leftover);
    } catch (InUseException e) {
      // Its maker or last user leaves it to the next change of the store.
    }
  }

  private static final class InUseException extends IOException {
    InUseException(Path path) {
      super(path + " is locked");
    }
  }

  private static Fd lockIfUnused(Path path) throws IOException {
    Fd file;
    try {
      file = OpenFile.open(path.toString(), OpenFile.O_RDWR | OpenFile.O_NOFOLLOW);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT) {
        return null;
      }
      throw e;
    }
    if (!FileLock.tryLock(file, true)) {
      file.close();
      throw new InUseException(path);
    }
    return file;
  }

  /** Deletes a directory that holds files only. */
  static void deleteTree(StoreFiles files, Path directory) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      stream.forEach(entries::add);
    }
    for (Path entry : entries) {
      files.delete(entry);
    }
    files.delete(directory);
  }

  private Path path(String name) throws TemplateException {
    if (!NAME.matcher(name).matches()) {
      throw new TemplateException(
          Reason.UNKNOWN,
          "a "
              + kind.key()
              + "'s name is lower-case letters, digits and inner dashes, at most 63 characters");
    }
    return directory.resolve(name);
  }

  private static boolean exists(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }
}
