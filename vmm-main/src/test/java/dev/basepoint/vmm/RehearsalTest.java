package dev.basepoint.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.vmm.rehearsal.Rehearsal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** vmm-main plays clones to itself before it is needed, and nothing of that stays. */
@Timeout(180)
final class RehearsalTest {
  private static int serve(UnixSocket socket) throws IOException {
    try (Service service = new Service(socket, System.nanoTime())) {
      return service.serve();
    }
  }

  private static long openDescriptors() throws IOException {
    try (Stream<Path> entries = Files.list(Path.of("/proc/self/fd"))) {
      return entries.count();
    }
  }

  @Test
  void leavesNoDescriptorBehind() throws Exception {
    try (Fd kvm = HostKvm.open()) {
      Rehearsal rehearsal = new Rehearsal(kvm, RehearsalTest::serve);
      rehearsal.play(1);
      long before = openDescriptors();
      rehearsal.play(3);
      assertEquals(before, openDescriptors());
    }
  }

  @Test
  void saysThatItFailed() throws Exception {
    try (Fd notKvm = OpenFile.open("/dev/null", OpenFile.O_RDWR)) {
      Rehearsal rehearsal = new Rehearsal(notKvm, RehearsalTest::serve);
      IOException e = assertThrows(IOException.class, () -> rehearsal.play(1));
      assertEquals(0, e.getMessage().indexOf("rehearsal failed: "), e.getMessage());
    }
  }

  private static int exitCode(List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("dev.basepoint.vmm.Main");
    command.addAll(arguments);
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR);
        Fd kvm = HostKvm.open();
        ChildProcess process =
            ChildProcess.spawn(
                command, List.of(), List.of(nothing, nothing, nothing, nothing, kvm))) {
      var exit = process.awaitExit(System.nanoTime() + TimeUnit.SECONDS.toNanos(120));
      assertNotNull(exit, "vmm-main does not end");
      return exit.status();
    }
  }

  @Test
  void endsAfterARehearsalThatIsAllItShallDo() throws Exception {
    assertEquals(0, exitCode(List.of("--warm-up-rounds=1", "--rehearse-only")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"--warm-up-rounds=", "--warm-up-rounds=1001", "--rounds=1"})
  void refusesWrongArguments(String argument) {
    assertThrows(IllegalArgumentException.class, () -> Options.parse(new String[] {argument}));
  }
}
