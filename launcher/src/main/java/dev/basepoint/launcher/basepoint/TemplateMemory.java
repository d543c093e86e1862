package dev.basepoint.launcher.basepoint;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Syscalls;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * What clones share in memory: guest RAM and machine state of a template, in memfds that nobody can
 * change any more.
 */
public final class TemplateMemory implements AutoCloseable {
  private static final int SEALS =
      MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL;

  private final Fd ram;
  private final Fd state;

  private TemplateMemory(Fd ram, Fd state) {
    this.ram = ram;
    this.state = state;
  }

  /**
   * Seals what a VM saved itself to.
   *
   * @param ram owned by the result from now on, mapped writable by nobody
   * @param state likewise
   */
  static TemplateMemory seal(Fd ram, Fd state) throws IOException {
    MemFd.seal(ram, SEALS);
    MemFd.seal(state, SEALS);
    return new TemplateMemory(ram, state);
  }

  /**
   * Loads what lies on disk, checking it on the way.
   *
   * @param step told what is being read
   * @throws TemplateException if a byte is not what was stored
   */
  public static TemplateMemory load(OpenTemplate template, Consumer<String> step)
      throws IOException {
    String name = template.template().name();
    step.accept("loading memory of " + name);
    Fd ram = load(template, Template.RAM, name + "-ram");
    try {
      return new TemplateMemory(ram, load(template, Template.STATE, name + "-state"));
    } catch (IOException e) {
      ram.close();
      throw e;
    }
  }

  private static Fd load(OpenTemplate template, String file, String label) throws IOException {
    Fd memory = MemFd.create(label, template.template().files().get(file).sizeBytes());
    boolean complete = false;
    try (Fd stored = template.openFile(file)) {
      template.read(file, stored, (data, offset) -> write(memory, data, offset));
      MemFd.seal(memory, SEALS);
      complete = true;
      return memory;
    } finally {
      if (!complete) {
        memory.close();
      }
    }
  }

  private static void write(Fd memory, MemorySegment data, long offset) throws IOException {
    long done = 0;
    while (done < data.byteSize()) {
      done +=
          ErrnoException.check(
              Syscalls.pwrite(memory.number(), data.asSlice(done), offset + done),
              "write template memory");
    }
  }

  /** Guest RAM; its size is the machine's. */
  public Fd ram() {
    return ram;
  }

  /** The state of CPUs, chips and devices. */
  public Fd state() {
    return state;
  }

  @Override
  public void close() {
    ram.close();
    state.close();
  }
}
