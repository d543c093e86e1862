package dev.basepoint.ipc.control;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/**
 * One message on the wire: its bytes and the descriptors that travel with it.
 *
 * @param payload an encoded protobuf message
 * @param fds owned by whoever holds the frame until taken over by a decoded message
 */
public record Frame(byte[] payload, List<Fd> fds) {
  /** Longest payload either side accepts; the largest real message is below 16 KiB. */
  public static final int PAYLOAD_BYTES_MAX = 64 * 1024;

  /** Most descriptors either side accepts in one frame. */
  public static final int FDS_MAX = 64;

  public Frame {
    fds = List.copyOf(fds);
  }

  /** Closes every descriptor, for a frame that is refused. */
  public void discard() {
    fds.forEach(Fd::close);
  }
}
