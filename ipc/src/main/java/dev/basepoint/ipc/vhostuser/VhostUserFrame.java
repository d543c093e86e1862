package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/**
 * One message on the wire, little-endian.
 *
 * <pre>
 *   0           4         8          12            12 + size
 *   +-----------+---------+----------+--------------+
 *   | request   | flags   | size     | payload      |   and descriptors beside it
 *   +-----------+---------+----------+--------------+
 * </pre>
 *
 * @param request the code; see {@link RequestCode}
 * @param flags version, {@link #REPLY}, {@link #NEED_REPLY}
 * @param payload at most {@link #PAYLOAD_BYTES_MAX} bytes
 * @param fds descriptors that came or go with it
 */
public record VhostUserFrame(int request, int flags, byte[] payload, List<Fd> fds) {
  /** Size of the part before the payload. */
  public static final int HEADER_BYTES = 12;

  /** The only version there is. */
  public static final int VERSION = 1;

  /** The bits of the flags that hold the version. */
  public static final int VERSION_MASK = 3;

  /** The message is a reply. */
  public static final int REPLY = 1 << 2;

  /** The sender wants an acknowledgement. */
  public static final int NEED_REPLY = 1 << 3;

  /** More than any message of the protocol has. */
  public static final int PAYLOAD_BYTES_MAX = 2048;

  /** As many as the largest memory table has. */
  public static final int FDS_MAX = 8;

  /** Whether the sender wants an acknowledgement. */
  public boolean needsReply() {
    return (flags & NEED_REPLY) != 0;
  }

  /** Closes the descriptors. */
  void discard() {
    fds.forEach(Fd::close);
  }
}
