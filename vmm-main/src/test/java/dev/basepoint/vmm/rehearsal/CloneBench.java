package dev.basepoint.vmm.rehearsal;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Measures how fast a fresh vmm-main lets a prepared clone go, by rounds of rehearsal. Run by hand:
 * arguments are the rounds, the count of processes and further JVM flags.
 */
final class CloneBench implements Requester.Listener<SupervisionEvent> {
  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  private final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<SupervisionEvent.GuestMarker> markers = new LinkedBlockingQueue<>();

  private CloneBench() {}

  public static void main(String[] args) throws Exception {
    int rounds = Integer.parseInt(args[0]);
    int count = Integer.parseInt(args[1]);
    List<String> flags = Arrays.asList(args).subList(2, args.length);
    try (Fd kvm = OpenFile.open("/dev/kvm", OpenFile.O_RDWR);
        Fd ram = MemFd.create("bench-ram", ScratchGuest.RAM_BYTES);
        Fd state = MemFd.create("bench-state", 0)) {
      new CloneBench().template(kvm, ram, state, flags);
      MemFd.seal(ram, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK);
      MemFd.seal(state, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK);
      long[][] micros = new long[count][];
      for (int i = 0; i < count; i++) {
        micros[i] = new CloneBench().clone(kvm, ram, state, flags, rounds);
      }
      String[] names = {
        "hello", "prepare", "received-entered", "sent-entered", "sent-done", "marker"
      };
      for (int k = 0; k < names.length; k++) {
        int column = k;
        long[] sorted = Arrays.stream(micros).mapToLong(row -> row[column]).sorted().toArray();
        System.out.printf(
            "%-18s p50 %8d us   p99 %8d us%n",
            names[k], sorted[count / 2], sorted[Math.min(count - 1, count * 99 / 100)]);
      }
    }
  }

  private record Vmm(
      ChildProcess process,
      Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> launcher,
      long helloNanos) {}

  private Vmm spawn(Fd kvm, List<String> flags, int rounds) throws IOException {
    UnixSocket[] pair = UnixSocket.pair();
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx32m",
            "-Xmn2m",
            "-XX:+UseSerialGC",
            "-XX:MaxInlineLevel=30",
            "-XX:TrimNativeHeapInterval=3000",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow"));
    command.addAll(flags);
    String classPath = System.getProperty("bench.cp", System.getProperty("java.class.path"));
    command.addAll(List.of("-cp", classPath, "dev.basepoint.vmm.Main"));
    if (rounds > 0) {
      command.add("--warm-up-rounds=" + rounds);
    }
    long start = System.nanoTime();
    ChildProcess process;
    try (Fd nothing = OpenFile.open("/dev/null", OpenFile.O_RDWR);
        Fd error = Fd.own(2).duplicate()) {
      process =
          ChildProcess.spawn(command, List.of(), List.of(nothing, error, error, pair[1].fd(), kvm));
    }
    pair[1].close();
    Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> launcher =
        new Requester<>(new FrameChannel(pair[0], "vmm-main"), new SupervisionProtocol(), this)
            .start();
    launcher.call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0), TIMEOUT);
    return new Vmm(process, launcher, System.nanoTime() - start);
  }

  private void template(Fd kvm, Fd ram, Fd state, List<String> flags) throws Exception {
    Vmm vmm = spawn(kvm, flags, 0);
    List<ScratchServer> servers = new ArrayList<>();
    Pipe console = Pipe.create();
    vmm.launcher.call(
        new SupervisionRequest.ConfigureVm(
            "t",
            ScratchGuest.RAM_BYTES,
            1,
            "",
            kvm,
            ScratchGuest.kernel(),
            null,
            null,
            console.writeEnd(),
            attach(servers, true),
            identity(0),
            true,
            0),
        TIMEOUT);
    vmm.launcher.call(new SupervisionRequest.RunVm(), TIMEOUT);
    await(SupervisionEvent.GuestReady.class);
    vmm.launcher.call(new SupervisionRequest.SaveVm(ram, state), TIMEOUT);
    vmm.launcher.close();
    vmm.process.awaitExit(System.nanoTime() + TIMEOUT.toNanos());
    servers.forEach(ScratchServer::close);
  }

  private static CloneIdentity identity(int number) {
    return new CloneIdentity("c", new byte[16], number, new byte[0]);
  }

  private static List<Attachment> attach(List<ScratchServer> servers, boolean template)
      throws IOException {
    List<Attachment> attachments = new ArrayList<>();
    for (ScratchGuest.Device device : ScratchGuest.DEVICES) {
      UnixSocket[] pair = UnixSocket.pair();
      servers.add(new ScratchServer(device, pair[1], template).start());
      attachments.add(new Attachment(device.name(), device.kind(), pair[0].fd()));
    }
    return attachments;
  }

  private long[] clone(Fd kvm, Fd ram, Fd state, List<String> flags, int rounds) throws Exception {
    Vmm vmm = spawn(kvm, flags, rounds);
    List<ScratchServer> servers = new ArrayList<>();
    Pipe console = Pipe.create();
    List<Attachment> attachments = attach(servers, false);
    long preparing = System.nanoTime();
    vmm.launcher.call(
        new SupervisionRequest.PrepareClone(
            "c",
            ScratchGuest.RAM_BYTES,
            1,
            kvm,
            ram,
            state,
            null,
            console.writeEnd(),
            attachments,
            false,
            0),
        TIMEOUT);
    long prepared = System.nanoTime();
    Thread.sleep(300);
    long sent = System.nanoTime();
    vmm.launcher.call(new SupervisionRequest.RunClone(identity(1)), TIMEOUT);
    long done = System.nanoTime();
    long received = 0;
    long entered = 0;
    while (received == 0 || entered == 0) {
      SupervisionEvent.Milestone milestone = await(SupervisionEvent.Milestone.class);
      switch (milestone.name()) {
        case "runReceived" -> received = milestone.monotonicNanos();
        case "vcpuEntered" -> entered = milestone.monotonicNanos();
        default -> {}
      }
    }
    SupervisionEvent.GuestMarker mark = markers.poll(60, TimeUnit.SECONDS);
    if (mark == null) {
      throw new AssertionError("no GuestMarker");
    }
    long marker = mark.monotonicNanos();
    for (ScratchServer server : servers) {
      server.awaitServed(TIMEOUT);
    }
    vmm.launcher.close();
    vmm.process.awaitExit(System.nanoTime() + TIMEOUT.toNanos());
    vmm.process.close();
    attachments.forEach(attachment -> attachment.channel().close());
    servers.forEach(ScratchServer::close);
    return Arrays.stream(
            new long[] {
              vmm.helloNanos,
              prepared - preparing,
              entered - received,
              entered - sent,
              done - sent,
              marker - sent
            })
        .map(TimeUnit.NANOSECONDS::toMicros)
        .toArray();
  }

  private <E extends SupervisionEvent> E await(Class<E> kind) throws InterruptedException {
    while (true) {
      SupervisionEvent event = events.poll(60, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no " + kind.getSimpleName());
      }
      if (kind.isInstance(event)) {
        return kind.cast(event);
      }
    }
  }

  @Override
  public void onEvent(SupervisionEvent event) {
    if (event instanceof SupervisionEvent.GuestMarker marker) {
      markers.add(marker);
    } else {
      events.add(event);
    }
  }

  @Override
  public void onClosed(IOException cause) {
    // Seen by the next call.
  }
}
