package dev.basepoint.vmm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The real process, driven as the launcher drives it. */
@Timeout(180)
final class MainTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private ChildProcess process;
  private Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> launcher;

  @BeforeEach
  void spawn() throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.basepoint.vmm.Main");
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR)) {
      process =
          ChildProcess.spawn(command, List.of(), List.of(nothing, nothing, nothing, pair[1].fd()));
    }
    pair[1].close();
    launcher =
        new Requester<>(
                new FrameChannel(pair[0], "vmm-main"),
                new SupervisionProtocol(),
                new Requester.Listener<SupervisionEvent>() {
                  @Override
                  public void onEvent(SupervisionEvent event) {
                    events.add(event);
                  }

                  @Override
                  public void onClosed(IOException cause) {
                    closed.countDown();
                  }
                })
            .start();
  }

  @AfterEach
  void end() throws Exception {
    launcher.close();
    assertNotNull(
        process.awaitExit(System.nanoTime() + TIMEOUT.toNanos()), "vmm-main goes on alone");
    process.close();
  }

  private SupervisionReply call(SupervisionRequest request) throws IOException {
    return launcher.call(request, TIMEOUT);
  }

  private void refused(RequestFailedException.Code code, SupervisionRequest request) {
    assertEquals(code, assertThrows(RequestFailedException.class, () -> call(request)).code());
  }

  private SupervisionRequest.ConfigureVm config(Fd kernel) throws IOException {
    return new SupervisionRequest.ConfigureVm(
        "t",
        4 << 20,
        1,
        "",
        HostKvm.open(),
        kernel,
        null,
        null,
        OpenFile.open("/dev/null", OpenFile.O_WRONLY),
        List.of(),
        new CloneIdentity("test", new byte[16], 0, new byte[0]),
        false,
        0);
  }

  private void hello() throws IOException {
    SupervisionReply.Hello hello =
        assertInstanceOf(
            SupervisionReply.Hello.class,
            call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0)));
    assertEquals("vmm-main", hello.role());
    assertEquals(process.pid(), hello.pid());
  }

  @Test
  void runsAGuestFromHelloToStop() throws Exception {
    hello();
    Fd kernel = new TestKernel(new Assembler().print("x").powerOff().assemble()).open();
    call(config(kernel));
    call(new SupervisionRequest.RunVm());
    List<String> milestones = new ArrayList<>();
    while (true) {
      SupervisionEvent event = events.poll(60, TimeUnit.SECONDS);
      assertNotNull(event, "no GuestStopped; milestones: " + milestones);
      if (event instanceof SupervisionEvent.Milestone milestone) {
        milestones.add(milestone.name());
      } else if (event instanceof SupervisionEvent.GuestStopped stopped) {
        assertEquals(SupervisionEvent.StopReason.POWER_OFF, stopped.reason());
        break;
      }
    }
    assertEquals(
        List.of(
            "jvm",
            "configured",
            "vmCreated",
            "kernelLoaded",
            "devicesAttached",
            "vcpuEntered",
            "firstSerialByte"),
        milestones);
    SupervisionReply.Counters counters =
        assertInstanceOf(
            SupervisionReply.Counters.class, call(new SupervisionRequest.ReadCounters()));
    assertEquals(1L, counters.groups().getFirst().values().get("consoleBytes"));
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.PauseVm());
    call(new SupervisionRequest.Stop());
    assertTrue(closed.await(60, TimeUnit.SECONDS));
  }

  @Test
  void keepsTheOrderOfRequests() throws Exception {
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.Ping());
    refused(RequestFailedException.Code.INVALID, new SupervisionRequest.Hello(99, 0));
    hello();
    refused(
        RequestFailedException.Code.OUT_OF_ORDER,
        new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0));
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.RunVm());
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.PauseVm());
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.ResumeVm());
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.ReadCounters());
    refused(RequestFailedException.Code.INVALID, new SupervisionRequest.SetLink(true));
    CloneIdentity nobody = new CloneIdentity("x", new byte[16], 0, new byte[0]);
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.RunClone(nobody));
    try (Fd one = MemFd.create("one", 0);
        Fd two = MemFd.create("two", 0)) {
      refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.SaveVm(one, two));
      refused(
          RequestFailedException.Code.OUT_OF_ORDER,
          new SupervisionRequest.ReplaceServer("disk0", one));
    }
    call(new SupervisionRequest.Ping());
    call(new SupervisionRequest.Stop());
  }

  @Test
  void refusesWhatCannotBootAndSaysWhy() throws Exception {
    hello();
    SupervisionRequest.ConfigureVm config = config(TestKernel.memfd("kernel", new byte[100]));
    RequestFailedException e = assertThrows(RequestFailedException.class, () -> call(config));
    assertTrue(e.getMessage().contains("not an ELF file"), e.getMessage());
    refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.RunVm());
  }

  @Test
  void pausesResumesAndEndsWithTheLauncher() throws Exception {
    hello();
    call(config(new TestKernel(new Assembler().label("x").jump("x").assemble()).open()));
    call(new SupervisionRequest.RunVm());
    for (int i = 0; i < 3; i++) {
      call(new SupervisionRequest.PauseVm());
      refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.PauseVm());
      call(new SupervisionRequest.ResumeVm());
    }
    try (Fd ram = MemFd.create("ram", 4 << 20);
        Fd state = MemFd.create("state", 0)) {
      refused(RequestFailedException.Code.OUT_OF_ORDER, new SupervisionRequest.SaveVm(ram, state));
      refused(
          RequestFailedException.Code.FAILED, new SupervisionRequest.ReplaceServer("disk0", ram));
      call(new SupervisionRequest.PauseVm());
      SupervisionReply.Saved saved =
          assertInstanceOf(
              SupervisionReply.Saved.class, call(new SupervisionRequest.SaveVm(ram, state)));
      assertEquals(saved.stateBytes(), MemFd.sizeBytes(state));
      call(new SupervisionRequest.ResumeVm());
    }
    // The guest spins; the end of the channel, after this test, must end the process all the same.
  }
}
