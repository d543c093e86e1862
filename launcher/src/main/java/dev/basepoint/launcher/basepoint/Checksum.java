package dev.basepoint.launcher.basepoint;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Checksums of short texts, as sha256sum writes and checks them. */
final class Checksum {
  private Checksum() {}

  /** The line that vouches for a file called {@code file} that holds {@code text}. */
  static String line(String text, String file) {
    return line(text.getBytes(StandardCharsets.UTF_8), file);
  }

  /** As above, for bytes. */
  static String line(byte[] bytes, String file) {
    try {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
      return HexFormat.of().formatHex(hash) + "  " + file + "\n";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
