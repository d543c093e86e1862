package dev.basepoint.vmm;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionEvent.StopReason;
import dev.basepoint.ipc.control.SupervisionRequest.ConfigureVm;
import dev.basepoint.ipc.control.SupervisionRequest.PrepareClone;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.Poll;
import dev.basepoint.ipc.linux.Syscalls;
import dev.basepoint.vmm.machine.VmListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A real machine in the test's JVM, its console ends and what it reported. */
final class TestMachine implements AutoCloseable, VmListener {
  static final long DEADLINE_SECONDS = 60;
  static final long RAM_BYTES = 4 << 20;

  /** How a guest ended. */
  record End(StopReason reason, String detail) {}

  private final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<End> ends = new LinkedBlockingQueue<>();
  private final Pipe toGuest = Pipe.create();
  private final Pipe fromGuest = Pipe.create();
  private final BlockingQueue<Long> readyPauses = new LinkedBlockingQueue<>();
  private final StringBuilder console = new StringBuilder();
  private final VmSession session;

  TestMachine(Assembler guest, int vcpus) throws IOException {
    this(new TestKernel(guest.assemble()).open(), vcpus, RAM_BYTES, "", null);
  }

  TestMachine(Fd kernel, int vcpus, long memoryBytes, String commandLine, Fd initrd)
      throws IOException {
    this(
        machine ->
            VmSession.create(
                machine.config(kernel, vcpus, memoryBytes, commandLine, initrd, false), machine));
  }

  private interface Maker {
    VmSession make(TestMachine machine) throws IOException;
  }

  private TestMachine(Maker maker) throws IOException {
    session = maker.make(this);
  }

  /** A machine that pauses when its guest rings ready. */
  static TestMachine pausingAtReady(Assembler guest, int vcpus) throws IOException {
    Fd kernel = new TestKernel(guest.assemble()).open();
    return new TestMachine(
        machine ->
            VmSession.create(machine.config(kernel, vcpus, RAM_BYTES, "", null, true), machine));
  }

  /** A clone that waits to run. */
  static TestMachine cloneOf(SavedMachine saved, int vcpus) throws IOException {
    return new TestMachine(
        machine ->
            VmSession.prepare(
                new PrepareClone(
                    "clone",
                    RAM_BYTES,
                    vcpus,
                    HostKvm.open(),
                    saved.ram().duplicate(),
                    saved.state().duplicate(),
                    machine.toGuest.readEnd(),
                    machine.fromGuest.writeEnd(),
                    List.of(),
                    false,
                    0),
                machine));
  }

  private ConfigureVm config(
      Fd kernel, int vcpus, long memoryBytes, String commandLine, Fd initrd, boolean pauseAtReady)
      throws IOException {
    return new ConfigureVm(
        "test",
        memoryBytes,
        vcpus,
        commandLine,
        HostKvm.open(),
        kernel,
        initrd,
        toGuest.readEnd(),
        fromGuest.writeEnd(),
        List.of(),
        new CloneIdentity("test", new byte[16], 0, new byte[0]),
        pauseAtReady,
        0);
  }

  /** Waits until the guest has rung ready and all its vCPUs stand still, then saves it. */
  SavedMachine saveAtReady() throws Exception {
    if (readyPauses.poll(DEADLINE_SECONDS, TimeUnit.SECONDS) == null) {
      throw new AssertionError("the guest does not ring; console: " + console);
    }
    session.pause(Duration.ofSeconds(DEADLINE_SECONDS));
    return SavedMachine.of(session, RAM_BYTES);
  }

  VmSession session() {
    return session;
  }

  @Override
  public void onEvent(SupervisionEvent event) {
    events.add(event);
  }

  @Override
  public void onPausingAtReady(long monotonicNanos) {
    readyPauses.add(monotonicNanos);
  }

  @Override
  public void onEnd(StopReason reason, String detail) {
    ends.add(new End(reason, detail));
  }

  /** Waits for an event of a kind. */
  <E extends SupervisionEvent> E await(Class<E> kind) throws InterruptedException {
    while (true) {
      SupervisionEvent event = events.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no " + kind.getSimpleName() + "; console: " + console);
      }
      if (kind.isInstance(event)) {
        return kind.cast(event);
      }
    }
  }

  /** Waits for the guest's own end, then stops the machine. */
  End awaitEnd() throws InterruptedException, IOException {
    End end = ends.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
    if (end == null) {
      throw new AssertionError("the guest does not end; console: " + console);
    }
    session.stop();
    return end;
  }

  boolean hasEnded() {
    return !ends.isEmpty();
  }

  /** Types {@code text} on the guest's console. */
  void type(String text) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      long sent = 0;
      while (sent < bytes.length) {
        sent += Syscalls.write(toGuest.writeEnd().number(), segment, sent, bytes.length - sent);
      }
    }
  }

  /** Reads the console until {@code text} has appeared. */
  String awaitConsole(String text) throws IOException {
    long deadlineNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(4096);
      while (console.indexOf(text) < 0) {
        if (!Poll.await(fromGuest.readEnd(), Poll.POLLIN, deadlineNanos)) {
          throw new AssertionError("'" + text + "' missing on the console: " + console);
        }
        long count = Syscalls.read(fromGuest.readEnd().number(), buffer);
        if (count <= 0) {
          throw new AssertionError("console ended without '" + text + "': " + console);
        }
        byte[] bytes = buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
        console.append(new String(bytes, StandardCharsets.ISO_8859_1));
      }
    }
    return console.toString();
  }

  @Override
  public void close() throws IOException {
    session.stop();
    session.close();
    toGuest.writeEnd().close();
    fromGuest.readEnd().close();
  }
}
