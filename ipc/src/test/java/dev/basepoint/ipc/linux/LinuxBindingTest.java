package dev.basepoint.ipc.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LinuxBindingTest {
  private static long soon() {
    return System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
  }

  @Test
  void eventFdCountsSignalsUntilDrained() throws Exception {
    try (EventFd event = EventFd.create()) {
      assertEquals(0, event.drain());
      event.signal();
      event.signal();
      assertEquals(2, event.drain());
      assertEquals(0, event.drain());
    }
  }

  @Test
  void sharedMappingsOfOneMemfdSeeEachOther() throws Exception {
    try (Fd memfd = MemFd.create("test", 8192);
        Mapping one = Mapping.shared(memfd, 0, 8192, true);
        Mapping two = Mapping.shared(memfd, 0, 8192, true);
        Mapping copy = Mapping.privateCopy(memfd, 0, 8192)) {
      one.segment().set(ValueLayout.JAVA_LONG, 4096, 42L);
      assertEquals(42L, two.segment().get(ValueLayout.JAVA_LONG, 4096));
      copy.segment().set(ValueLayout.JAVA_LONG, 4096, 43L);
      assertEquals(42L, two.segment().get(ValueLayout.JAVA_LONG, 4096));
      assertEquals(8192, MemFd.sizeBytes(memfd));
    }
  }

  @Test
  void missingSealIsRefused() throws Exception {
    try (Fd memfd = MemFd.create("test", 4096)) {
      ErrnoException refused =
          assertThrows(ErrnoException.class, () -> MemFd.requireSeals(memfd, MemFd.F_SEAL_SHRINK));
      assertEquals(Errno.EPERM, refused.errno());
      MemFd.seal(memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
      MemFd.requireSeals(memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
      assertThrows(ErrnoException.class, () -> MemFd.resize(memfd, 0));
    }
  }

  @Test
  void descriptorsTravelWithBytes() throws Exception {
    UnixSocket[] pair = UnixSocket.pair();
    try (UnixSocket left = pair[0];
        UnixSocket right = pair[1];
        EventFd event = EventFd.create();
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(16);
      data.set(ValueLayout.JAVA_LONG, 0, 7L);
      assertEquals(8, left.send(data, 0, 8, List.of(event.fd(), event.fd())));
      List<Fd> fds = new ArrayList<>();
      assertEquals(8, right.receive(data, 8, 8, fds));
      assertEquals(7L, data.get(ValueLayout.JAVA_LONG, 8));
      assertEquals(2, fds.size());
      EventFd received = EventFd.own(fds.getFirst());
      received.signal();
      assertEquals(1, event.drain());
      fds.forEach(Fd::close);
      assertEquals(-Errno.EAGAIN, right.receive(data, 0, 8, fds));
      left.shutdown();
      assertEquals(0, right.receive(data, 0, 8, fds));
    }
  }

  @Test
  void iovecsMergeNeighboursAndConsume() throws Exception {
    try (Fd memfd = MemFd.create("test", 64);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64);
      for (int i = 0; i < 64; i++) {
        memory.set(ValueLayout.JAVA_BYTE, i, (byte) i);
      }
      IovecArray iovecs = new IovecArray(4);
      iovecs.add(memory, 0, 8);
      iovecs.add(memory, 8, 8);
      iovecs.add(memory, 32, 8);
      assertEquals(2, iovecs.count());
      assertEquals(24, Syscalls.pwritev(memfd.number(), iovecs, 0));
      iovecs.consume(20);
      assertEquals(1, iovecs.count());
      assertEquals(4, iovecs.totalBytes());
      MemorySegment back = arena.allocate(24);
      assertEquals(24, Syscalls.pread(memfd.number(), back, 0));
      assertEquals(39, back.get(ValueLayout.JAVA_BYTE, 23));
      assertThrows(IndexOutOfBoundsException.class, () -> iovecs.add(memory, 60, 8));
    }
  }

  @Test
  void iovecsTellAlignmentCopyAndZero() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4096, 4096).fill((byte) 7);
      IovecArray iovecs = new IovecArray(4);
      iovecs.add(memory, 512, 512);
      iovecs.add(memory, 2048, 1024);
      assertTrue(iovecs.isAligned(512));
      assertFalse(iovecs.isAligned(1024));
      MemorySegment copy = arena.allocate(1000).fill((byte) 9);
      iovecs.copy(copy, 1000, IovecArray.Direction.FROM_TARGET);
      assertEquals(9, memory.get(ValueLayout.JAVA_BYTE, 2048 + 487));
      assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 2048 + 488));
      copy.fill((byte) 1);
      iovecs.copy(copy, 513, IovecArray.Direction.TO_TARGET);
      assertEquals(9, copy.get(ValueLayout.JAVA_BYTE, 512));
      assertEquals(1, copy.get(ValueLayout.JAVA_BYTE, 513));
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> iovecs.copy(copy, 1537, IovecArray.Direction.TO_TARGET));
      iovecs.consume(520);
      iovecs.zero();
      assertEquals(9, memory.get(ValueLayout.JAVA_BYTE, 2048 + 7));
      assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, 2048 + 8));
      assertEquals(0, memory.get(ValueLayout.JAVA_BYTE, 3071));
      assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 3072));
    }
  }

  @Test
  void nativeAioCompletesWhatItStartedAndNamesWhatItCannot() throws Exception {
    try (Fd memfd = MemFd.create("test", 8192);
        AioContext aio = new AioContext(4);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(8192, 4096).fill((byte) 5);
      IovecArray write = new IovecArray(1);
      write.add(memory, 0, 4096);
      IovecArray past = new IovecArray(1);
      past.add(memory, 4096, 4096);
      aio.prepare(memfd.number(), true, write, 4096, 0, 77);
      aio.prepare(123_456, false, write, 0, 0, 78);
      aio.prepare(memfd.number(), false, past, 6144, 0, 79);
      assertEquals(-Errno.EBADF, aio.submit());
      assertEquals(78, aio.refused());
      assertTrue(aio.hasPrepared());
      assertEquals(0, aio.submit());
      assertFalse(aio.hasPrepared());
      int[] results = new int[80];
      for (int done = 0; done < 2; ) {
        assertTrue(Poll.await(aio.fd(), Poll.POLLIN, soon()));
        int count = aio.takeEvents();
        for (int i = 0; i < count; i++) {
          results[(int) aio.eventData(i)] = (int) aio.eventResult(i);
        }
        done += count;
      }
      assertEquals(4096, results[77]);
      assertEquals(2048, results[79], "a short read at the end");
      assertEquals(5, memory.get(ValueLayout.JAVA_BYTE, 4096));
    }
  }

  @Test
  void fileStatusTellsWhatAFileIs() throws Exception {
    try (Fd memfd = MemFd.create("test", 12288);
        Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDONLY)) {
      FileStatus status = FileStatus.of(memfd);
      assertEquals(FileStatus.Type.REGULAR, status.type());
      assertEquals(12288, status.sizeBytes());
      assertEquals(0, status.allocatedBytes());
      assertTrue(status.inMemory());
      assertEquals(FileStatus.Type.OTHER, FileStatus.of(nothing).type());
      assertEquals(OpenFile.O_RDONLY, OpenFile.statusFlags(nothing) & OpenFile.O_ACCMODE);
    }
  }

  @Test
  void childHoldsExactlyItsDescriptorsAndItsExitIsSeen() throws Exception {
    try (Fd memfd = MemFd.create("out", 0);
        Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR);
        ChildProcess child =
            ChildProcess.spawn(
                List.of("/bin/sh", "-c", "ls /proc/self/fd; echo $NAME; exit 7"),
                List.of("NAME=value", "PATH=/bin:/usr/bin"),
                List.of(nothing, memfd, nothing))) {
      assertEquals(new ChildProcess.Exit(7, -1), child.awaitExit(soon()));
      byte[] output = new byte[(int) MemFd.sizeBytes(memfd)];
      try (Mapping mapping = Mapping.shared(memfd, 0, output.length, false)) {
        MemorySegment.copy(mapping.segment(), ValueLayout.JAVA_BYTE, 0, output, 0, output.length);
      }
      // 3 is ls's own directory handle.
      assertEquals(
          "0\n1\n2\n3\nvalue\n", new String(output, java.nio.charset.StandardCharsets.UTF_8));
    }
  }

  @Test
  void killedChildReportsItsSignal() throws Exception {
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR);
        ChildProcess child =
            ChildProcess.spawn(
                List.of("/bin/sleep", "1000"), List.of(), List.of(nothing, nothing, nothing))) {
      child.signal(Signals.SIGKILL);
      assertEquals(new ChildProcess.Exit(-1, Signals.SIGKILL), child.awaitExit(soon()));
    }
  }

  @Test
  void missingProgramIsAnErrorNotAChild() throws Exception {
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR)) {
      ErrnoException failure =
          assertThrows(
              ErrnoException.class,
              () -> ChildProcess.spawn(List.of("/no/such/program"), List.of(), List.of(nothing)));
      assertEquals(Errno.ENOENT, failure.errno());
      assertTrue(failure.getMessage().contains("/no/such/program"));
    }
  }

  @Test
  void pollTimesOutWhenNothingHappens() throws Exception {
    try (EventFd event = EventFd.create()) {
      assertFalse(Poll.await(event.fd(), Poll.POLLIN, System.nanoTime() + 1_000_000));
      event.signal();
      assertTrue(Poll.await(event.fd(), Poll.POLLIN, soon()));
    }
  }

  @Test
  void closedFdCannotBeUsed() throws Exception {
    EventFd event = EventFd.create();
    assertNotNull(event.fd().toString());
    event.close();
    event.close();
    assertThrows(IllegalStateException.class, event::signal);
  }
}
