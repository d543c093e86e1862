package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.FileLock;
import dev.basepoint.ipc.linux.FileStatus;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;

/** The read-only image below a template's disk, which lies outside of the template. */
public final class BaseImage {
  private BaseImage() {}

  /**
   * Opens an image for reading, locked against whoever would write to it.
   *
   * @param device names the disk in messages
   * @throws TemplateException if it cannot be a base
   */
  public static Fd open(String device, String path) throws IOException {
    Fd image;
    try {
      image = OpenFile.open(path, OpenFile.O_RDONLY);
    } catch (ErrnoException e) {
      throw new TemplateException(
          Reason.BASE_CHANGED,
          "disk " + device + ": " + e.getMessage() + "; the image must stay where it is",
          e);
    }
    boolean usable = false;
    try {
      if (FileStatus.of(image).type() != FileStatus.Type.REGULAR) {
        throw new TemplateException(
            Reason.NOT_CAPTURABLE,
            "disk "
                + device
                + ": "
                + path
                + " is no regular file, and nothing would show that it has changed; use an image"
                + " file, or readOnly: false with scratch");
      }
      if (!FileLock.tryLock(image, false)) {
        throw new TemplateException(
            Reason.BUSY,
            "disk " + device + ": " + path + " is being written by a VM; stop that one first");
      }
      usable = true;
      return image;
    } finally {
      if (!usable) {
        image.close();
      }
    }
  }

  /**
   * Describes an open image, for which all of it is read.
   *
   * @throws TemplateException if it changes meanwhile
   */
  public static TemplateDisk.Reference describe(String device, String path, Fd image)
      throws IOException {
    long modifiedNanos = modifiedNanos(image);
    TemplateDisk.Reference reference =
        new TemplateDisk.Reference(path, SparseReader.digest(image), modifiedNanos);
    requireUnchanged(device, reference, image);
    return reference;
  }

  /**
   * @throws TemplateException if size or modification time are not those of {@code reference}
   */
  public static void requireUnchanged(String device, TemplateDisk.Reference reference, Fd image)
      throws IOException {
    long sizeBytes = FileStatus.of(image).sizeBytes();
    if (sizeBytes != reference.content().sizeBytes()) {
      throw changed(
          device,
          reference,
          "it has " + sizeBytes + " bytes instead of " + reference.content().sizeBytes());
    }
    if (modifiedNanos(image) != reference.modifiedNanos()) {
      throw changed(device, reference, "it was written to");
    }
  }

  /**
   * @throws TemplateException if a byte is not what it was
   */
  public static void requireContent(String device, TemplateDisk.Reference reference, Fd image)
      throws IOException {
    if (!SparseReader.digest(image).equals(reference.content())) {
      throw changed(device, reference, "its checksum is another, though size and time are not");
    }
  }

  private static TemplateException changed(
      String device, TemplateDisk.Reference reference, String how) {
    return new TemplateException(
        Reason.BASE_CHANGED,
        "disk "
            + device
            + ": the image "
            + reference.path()
            + " is not what the template was made with: "
            + how
            + "; bring the old one back, or make the template again");
  }

  private static long modifiedNanos(Fd image) throws IOException {
    FileTime time = Files.getLastModifiedTime(Path.of("/proc/self/fd/" + image.number()));
    Instant instant = time.toInstant();
    return Math.addExact(
        Math.multiplyExact(instant.getEpochSecond(), 1_000_000_000L), instant.getNano());
  }
}
