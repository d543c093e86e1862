package dev.basepoint.ipc.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Script steps that give a process in a mount namespace of its own a root of which nothing exists
 * but the named files, read-only and at their own paths.
 */
public final class EmptyRoot {
  private static final int SYS_MKDIR = 83;
  private static final int SYS_RMDIR = 84;
  private static final int SYS_CHDIR = 80;
  private static final int SYS_MKNOD = 133;
  private static final int SYS_PIVOT_ROOT = 155;
  private static final int SYS_MOUNT = 165;
  private static final int SYS_UMOUNT2 = 166;
  private static final int SYS_MOUNT_SETATTR = 442;

  private static final int AT_FDCWD = -100;
  private static final int AT_RECURSIVE = 0x8000;
  private static final long MS_NOSUID = 2;
  private static final long MS_NODEV = 4;
  private static final long MS_BIND = 0x1000;
  private static final long MS_REC = 0x4000;
  private static final long MS_PRIVATE = 0x4_0000;
  private static final int MNT_DETACH = 2;
  private static final long MOUNT_ATTR_RDONLY = 1;
  private static final long MOUNT_ATTR_NOSUID = 2;
  private static final long MOUNT_ATTR_NODEV = 4;
  private static final long MOUNT_ATTR_NOEXEC = 8;
  private static final int MOUNT_ATTR_BYTES = 32;
  private static final int S_IFREG = 0x8000;

  /** Where the new root is put together: a directory that every Linux has. */
  private static final String STAGE = "/tmp";

  private static final String OLD = "/.old";

  private final SyscallScript script;
  private final Set<String> made = new LinkedHashSet<>();

  private EmptyRoot(SyscallScript script) {
    this.script = script;
  }

  /**
   * A file or a directory tree that stays visible.
   *
   * @param path where it is seen, absolute
   * @param source where it is, without symbolic links: they would be followed in the new root
   * @param executable whether code in it may be mapped or run
   */
  public record Visible(String path, String source, boolean directory, boolean executable) {
    /** Shows {@code path} at its own place; a symbolic link shows what it points at. */
    public static Visible of(Path path, boolean executable) throws IOException {
      return new Visible(
          path.toAbsolutePath().normalize().toString(),
          path.toRealPath().toString(),
          Files.isDirectory(path),
          executable);
    }
  }

  /** Appends the steps; no path must lie below another. */
  public static void append(SyscallScript script, List<Visible> files) {
    new EmptyRoot(script).build(files);
  }

  private void build(List<Visible> files) {
    script.needs("mount namespace");
    mount("make all mounts private", null, "/", null, MS_REC | MS_PRIVATE, null);
    mount(
        "mount tmpfs on " + STAGE,
        "basepoint",
        STAGE,
        "tmpfs",
        MS_NOSUID | MS_NODEV,
        "size=64k,nr_inodes=256,mode=755");
    path("mkdir " + STAGE + OLD, SYS_MKDIR, STAGE + OLD, 0700);
    script.call(
        "pivot_root " + STAGE,
        SYS_PIVOT_ROOT,
        script.string(STAGE).address(),
        script.string(STAGE + OLD).address());
    path("chdir /", SYS_CHDIR, "/", 0);
    for (Visible file : files) {
      show(file);
    }
    path("umount the old root", SYS_UMOUNT2, OLD, MNT_DETACH);
    path("rmdir " + OLD, SYS_RMDIR, OLD, 0);
    restrict("/", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  }

  private void show(Visible file) {
    int slash = file.path().lastIndexOf('/');
    makeDirectories(file.path().substring(0, slash));
    if (file.directory()) {
      makeDirectories(file.path());
    } else {
      path("mknod " + file.path(), SYS_MKNOD, file.path(), S_IFREG | 0444);
    }
    mount("bind " + file.path(), OLD + file.source(), file.path(), null, MS_BIND | MS_REC, null);
    restrict(
        file.path(),
        AT_RECURSIVE,
        MOUNT_ATTR_RDONLY
            | MOUNT_ATTR_NOSUID
            | MOUNT_ATTR_NODEV
            | (file.executable() ? 0 : MOUNT_ATTR_NOEXEC));
  }

  private void makeDirectories(String path) {
    for (int slash = path.indexOf('/', 1); slash != -1; slash = path.indexOf('/', slash + 1)) {
      makeDirectory(path.substring(0, slash));
    }
    if (path.length() > 1) {
      makeDirectory(path);
    }
  }

  private void makeDirectory(String path) {
    if (made.add(path)) {
      path("mkdir " + path, SYS_MKDIR, path, 0755);
    }
  }

  private void path(String operation, int number, String path, long argument) {
    script.call(operation, number, script.string(path).address(), argument, 0);
  }

  private void mount(
      String operation, String source, String target, String type, long flags, String data) {
    script.call(
        operation,
        SYS_MOUNT,
        pointer(source),
        pointer(target),
        pointer(type),
        flags,
        pointer(data));
  }

  private long pointer(String text) {
    return text == null ? 0 : script.string(text).address();
  }

  private void restrict(String path, int flags, long attributes) {
    MemorySegment attr = script.bytes(MOUNT_ATTR_BYTES);
    attr.set(ValueLayout.JAVA_LONG, 0, attributes);
    script.call(
        "mount_setattr " + path,
        SYS_MOUNT_SETATTR,
        AT_FDCWD,
        script.string(path).address(),
        flags,
        attr.address(),
        MOUNT_ATTR_BYTES);
  }
}
