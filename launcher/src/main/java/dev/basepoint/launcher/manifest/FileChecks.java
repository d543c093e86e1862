package dev.basepoint.launcher.manifest;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * Checks the files that a manifest names. This is for early and complete messages only: whoever
 * opens a file later handles its errors again.
 */
final class FileChecks {
  private static final int SIBLINGS_MAX = 1000;

  private final Located located;
  private final Problems problems;

  FileChecks(Located located, Problems problems) {
    this.located = located;
    this.problems = problems;
  }

  void readableFile(Path path, String key) {
    if (!Files.exists(path)) {
      missing(path, key, "");
    } else if (Files.isDirectory(path)) {
      error(key, path + " is a directory", "name a file");
    } else if (!Files.isReadable(path)) {
      error(key, path + " is not readable", "check its permissions, or those of its directories");
    }
  }

  /** Checks an image; returns its size if it exists and can be read. */
  OptionalLong image(BlockSource.Image image, boolean readOnly, String key) {
    Path path = image.path();
    if (!Files.exists(path)) {
      if (image.createSizeBytes().isEmpty()) {
        missing(path, key, "give a size to have it created");
      } else if (readOnly) {
        error(key, path + " does not exist, and a read-only disk would stay empty", "");
      } else {
        parentDirectory(path, key);
      }
      return OptionalLong.empty();
    }
    if (Files.isDirectory(path)) {
      error(key, path + " is a directory", "name a raw image file or a block device");
      return OptionalLong.empty();
    }
    if (!Files.isReadable(path)) {
      error(key, path + " is not readable", "check its permissions");
      return OptionalLong.empty();
    }
    if (!readOnly && !Files.isWritable(path)) {
      error(key, path + " is not writable", "check its permissions, or add: readOnly: true");
    }
    return size(path, key);
  }

  private OptionalLong size(Path path, String key) {
    if (Files.isRegularFile(path)) {
      try {
        return OptionalLong.of(Files.size(path));
      } catch (IOException e) {
        error(key, path + " cannot be examined: " + e.getMessage(), "");
        return OptionalLong.empty();
      }
    }
    if (!isBlockDevice(path)) {
      error(key, path + " is neither a file nor a block device", "");
      return OptionalLong.empty();
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return OptionalLong.of(channel.size());
    } catch (IOException e) {
      error(key, path + " cannot be opened: " + e.getMessage(), "");
      return OptionalLong.empty();
    }
  }

  private static boolean isBlockDevice(Path path) {
    try {
      int mode = (int) Files.getAttribute(path, "unix:mode");
      return (mode & 0xf000) == 0x6000;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  /** The directory in which a file will be made. */
  void parentDirectory(Path path, String key) {
    Path parent = path.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      error(key, "the directory " + parent + " does not exist", "create it, or correct the path");
    } else if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      error(key, path + " is a directory", "name a file in it");
    } else if (!Files.exists(path) && !Files.isWritable(parent)) {
      error(key, "the directory " + parent + " is not writable", "check its permissions");
    }
  }

  void netns(String netns, String key) {
    Path path = netns.startsWith("/") ? Path.of(netns) : Path.of("/run/netns").resolve(netns);
    if (!Files.exists(path)) {
      error(
          key,
          "there is no network namespace " + netns,
          netns.startsWith("/")
              ? "name one such as /run/netns/NAME or /proc/PID/ns/net"
              : "create it with: ip netns add " + netns);
    }
  }

  private void missing(Path path, String key, String orElse) {
    String hint =
        Nearest.choice(String.valueOf(path.getFileName()), siblings(path))
            .map(name -> "did you mean " + Quote.clean(name) + "?")
            .orElse(orElse);
    error(key, path + " does not exist", hint);
  }

  private static List<String> siblings(Path path) {
    Path parent = path.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(parent)) {
      return files.limit(SIBLINGS_MAX).map(file -> String.valueOf(file.getFileName())).toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private void error(String key, String message, String hint) {
    problems.error(located.mark(key), key, Quote.printable(message), hint);
  }
}
