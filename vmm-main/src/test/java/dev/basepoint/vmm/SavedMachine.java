package dev.basepoint.vmm;

import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import java.io.IOException;

/** What SaveVm made, sealed as the launcher seals it. */
record SavedMachine(Fd ram, Fd state, SupervisionReply.Saved reply) implements AutoCloseable {
  private static final int SEALS =
      MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL;

  static SavedMachine of(VmSession session, long ramBytes) throws IOException {
    Fd ram = MemFd.create("saved-ram", ramBytes);
    Fd state = MemFd.create("saved-state", 0);
    SupervisionReply.Saved reply = session.save(ram, state);
    return new SavedMachine(ram, state, reply).sealed();
  }

  private SavedMachine sealed() throws IOException {
    MemFd.seal(ram, SEALS);
    MemFd.seal(state, SEALS);
    return this;
  }

  @Override
  public void close() {
    ram.close();
    state.close();
  }
}
