package dev.basepoint.ipc.control;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/** Takes a frame's descriptors one by one, as its message declares them. */
final class FdCursor {
  private final List<Fd> fds;
  private int next;

  FdCursor(List<Fd> fds) {
    this.fds = fds;
  }

  Fd take(String what) throws ProtocolException {
    if (next == fds.size()) {
      throw new ProtocolException("descriptor for " + what + " is missing");
    }
    return fds.get(next++);
  }

  void requireEnd() throws ProtocolException {
    if (next != fds.size()) {
      throw new ProtocolException((fds.size() - next) + " surplus descriptors");
    }
  }
}
