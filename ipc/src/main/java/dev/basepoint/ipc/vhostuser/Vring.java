package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;

/** What the front end has said about one ring. */
final class Vring implements AutoCloseable {
  int size;
  int base;
  boolean placed;
  long descUser;
  long availUser;
  long usedUser;
  boolean enabled;

  /** The front end started the ring and has not stopped it. */
  boolean started;

  /** It cannot be served as it is set up; not tried again before that changes. */
  boolean failed;

  Fd kick;
  Fd call;
  Fd err;

  void setKick(Fd fd) {
    closeFd(kick);
    kick = fd;
  }

  void setCall(Fd fd) {
    closeFd(call);
    call = fd;
  }

  void setErr(Fd fd) {
    closeFd(err);
    err = fd;
  }

  /** Ends the ring's service until it is started again; the call descriptor stays. */
  void stop() {
    started = false;
    failed = false;
    setKick(null);
  }

  private static void closeFd(Fd fd) {
    if (fd != null) {
      fd.close();
    }
  }

  @Override
  public void close() {
    stop();
    setCall(null);
    setErr(null);
  }
}
