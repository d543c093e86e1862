package dev.basepoint.tests.system;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * An initramfs in the format that Linux documents as "newc": per entry a header of hexadecimal
 * text, the name and the content, each padded to four bytes.
 */
final class CpioArchive {
  private static final int DIRECTORY = 0040755;
  private static final int PROGRAM = 0100755;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private int inode = 1;

  CpioArchive directory(String name) {
    return entry(name, DIRECTORY, new byte[0]);
  }

  /** A file that everybody may read and execute. */
  CpioArchive file(String name, byte[] content) {
    return entry(name, PROGRAM, content);
  }

  byte[] end() {
    entry("TRAILER!!!", 0, new byte[0]);
    return bytes.toByteArray();
  }

  private CpioArchive entry(String name, int mode, byte[] content) {
    byte[] nameBytes = (name + "\0").getBytes(StandardCharsets.US_ASCII);
    StringBuilder header = new StringBuilder("070701");
    int[] fields = {
      inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, nameBytes.length, 0,
    };
    for (int field : fields) {
      header.append(String.format(Locale.ROOT, "%08x", field));
    }
    bytes.writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
    bytes.writeBytes(nameBytes);
    pad();
    bytes.writeBytes(content);
    pad();
    return this;
  }

  private void pad() {
    while (bytes.size() % 4 != 0) {
      bytes.write(0);
    }
  }
}
