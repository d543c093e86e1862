package dev.basepoint.launcher.cli;

import java.io.ByteArrayOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Leaves out the probe guest's machine-readable lines, which begin with {@code @probe}; all other
 * bytes pass as soon as they cannot be the beginning of one.
 */
public final class ReportFilter extends FilterOutputStream {
  private static final byte[] MARK = "@probe ".getBytes(StandardCharsets.US_ASCII);

  /** The beginning of the current line, as long as it may become a mark. */
  private final ByteArrayOutputStream held = new ByteArrayOutputStream();

  private boolean lineStart = true;
  private boolean dropping;

  /** Passes what is left to {@code out}. */
  public ReportFilter(OutputStream out) {
    super(out);
  }

  @Override
  public void write(int value) throws IOException {
    if (dropping) {
      dropping = value != '\n';
      lineStart = !dropping;
    } else if (lineStart && value == MARK[held.size()]) {
      held.write(value);
      if (held.size() == MARK.length) {
        held.reset();
        dropping = true;
      }
    } else {
      release();
      out.write(value);
      lineStart = value == '\n';
    }
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    for (int i = 0; i < length; i++) {
      write(bytes[offset + i]);
    }
  }

  private void release() throws IOException {
    held.writeTo(out);
    held.reset();
  }

  @Override
  public void close() throws IOException {
    release();
    super.close();
  }
}
