package dev.basepoint.ipc.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyscallScriptTest {
  private static final int SYS_GETPID = 39;
  private static final int SYS_RT_SIGPROCMASK = 14;

  private static long deadline() {
    return System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
  }

  @Test
  void theMachineCodeIsWhatItsSourceAssemblesTo(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/as")), "no assembler");
    Path object = folder.resolve("spawn.o");
    Path binary = folder.resolve("spawn.bin");
    run("as", "src/main/asm/spawn.S", "-o", object.toString());
    run("objcopy", "-O", "binary", "-j", ".text", object.toString(), binary.toString());
    assertArrayEquals(Files.readAllBytes(binary), SpawnCode.bytes());
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.waitFor(), output);
  }

  @Test
  void executesAProgramWithExactlyItsDescriptors() throws Exception {
    try (Pipe pipe = Pipe.create();
        Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDONLY);
        SyscallScript script = new SyscallScript()) {
      ScriptSteps steps = new ScriptSteps(script);
      steps.keepOnly(List.of(nothing, pipe.writeEnd(), pipe.writeEnd()));
      steps.limit(7, "nofile", 32);
      steps.execute(
          List.of("/bin/sh", "-c", "echo $NAME $(ulimit -n); ls /proc/$$/fd"),
          List.of("NAME=value", "PATH=/usr/bin:/bin"));
      try (ChildProcess child = script.spawn(0)) {
        assertEquals(0, child.awaitExit(deadline()).status());
      }
      MemorySegment buffer = script.bytes(4096);
      long count = Syscalls.read(pipe.readEnd().number(), buffer);
      String text = new String(buffer.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), UTF_8);
      assertEquals("value 32\n0\n1\n2\n", text);
    }
  }

  @Test
  void saysWhichCallFailedAndWhatItNeeded() throws Exception {
    try (SyscallScript script = new SyscallScript()) {
      ScriptSteps steps = new ScriptSteps(script);
      script.needs("a facility").call("getpid", SYS_GETPID);
      steps.execute(List.of("/no/such/program"), List.of());
      SyscallScript.Failure failure =
          assertThrows(SyscallScript.Failure.class, () -> script.spawn(0));
      assertEquals("process", failure.primitive());
      assertEquals(Errno.ENOENT, failure.errno());
      assertTrue(failure.getMessage().contains("execve /no/such/program"), failure.getMessage());
    }
  }

  @Test
  void reportsARefusedClone() throws Exception {
    try (SyscallScript script = new SyscallScript()) {
      new ScriptSteps(script).exit();
      // CLONE_NEWNS does not go together with CLONE_FS
      SyscallScript.Failure failure =
          assertThrows(
              SyscallScript.Failure.class, () -> script.spawn(NamespaceFlags.CLONE_NEWNS | 0x200));
      assertEquals("mount namespace", failure.primitive());
      assertEquals(Errno.EINVAL, failure.errno());
    }
  }

  @Test
  void passesAResultToALaterCall(@TempDir Path folder) throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    try (SyscallScript script = new SyscallScript()) {
      script
          .call("open", Syscalls.SYS_OPENAT, -100, script.string(file.toString()).address(), 1, 0)
          .resultToArgument(1, 0)
          .call("write", Syscalls.SYS_WRITE, -1, script.string("hello").address(), 5);
      new ScriptSteps(script).exit();
      try (ChildProcess child = script.spawn(0)) {
        assertEquals(0, child.awaitExit(deadline()).status());
      }
    }
    assertEquals("hello", Files.readString(file));
  }

  @Test
  void leavesTheCallersSignalMaskAlone() throws Exception {
    try (SyscallScript script = new SyscallScript()) {
      MemorySegment before = script.bytes(8);
      MemorySegment after = script.bytes(8);
      new ScriptSteps(script).exit();
      RawSyscall.call(SYS_RT_SIGPROCMASK, 0, 0, before.address(), 8);
      script.spawn(0).close();
      RawSyscall.call(SYS_RT_SIGPROCMASK, 0, 0, after.address(), 8);
      assertEquals(before.get(ValueLayout.JAVA_LONG, 0), after.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  @Test
  void spawnsFromManyThreadsAtOnce() throws Exception {
    List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int round = 0; round < 50; round++) {
                      try (SyscallScript script = new SyscallScript()) {
                        new ScriptSteps(script).exit();
                        try (ChildProcess child = script.spawn(0)) {
                          assertEquals(0, child.awaitExit(deadline()).status());
                        }
                      } catch (SyscallScript.Failure | ErrnoException | AssertionError e) {
                        failures.add(e);
                      }
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(List.of(), failures);
  }
}
