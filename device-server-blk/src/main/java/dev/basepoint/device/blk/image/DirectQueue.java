package dev.basepoint.device.blk.image;

import dev.basepoint.ipc.linux.AioContext;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import dev.basepoint.ipc.linux.Syscalls;

/**
 * Aligned transfers of an O_DIRECT file by native AIO: a batch of requests costs one system call to
 * start and one to finish, where threads would cost several wake-ups each.
 *
 * <p>Every transfer is marked RWF_NOWAIT: what would make the submitter wait, such as a write that
 * must allocate space first, ends with EAGAIN instead and is then a thread's to do.
 */
final class DirectQueue implements TransferQueue {
  private final Fd file;
  private final DirectTransfer direct;
  private final AioContext context;

  DirectQueue(Fd file, DirectTransfer direct, int depth) throws ErrnoException {
    this.file = file;
    this.direct = direct;
    context = new AioContext(depth);
  }

  @Override
  public boolean add(boolean write, boolean durable, long offset, IovecArray data, int token) {
    if (!context.hasRoom() || !direct.isAligned(offset, data)) {
      return false;
    }
    int flags = Syscalls.RWF_NOWAIT | (durable ? Syscalls.RWF_DSYNC : 0);
    context.prepare(file.number(), write, data, offset, flags, token);
    return true;
  }

  @Override
  public void submit(Receiver receiver) {
    while (context.hasPrepared()) {
      long result = context.submit();
      if (result < 0) {
        receiver.onTransferred((int) context.refused(), result);
      }
    }
  }

  @Override
  public Fd fd() {
    return context.fd();
  }

  @Override
  public void reap(Receiver receiver) {
    int count = context.takeEvents();
    for (int i = 0; i < count; i++) {
      receiver.onTransferred((int) context.eventData(i), context.eventResult(i));
    }
  }

  @Override
  public void close() {
    context.close();
  }
}
