package dev.basepoint.vmm.rehearsal;

import dev.basepoint.ipc.control.CloneIdentity;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.Pipe;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Plays the launcher: a template first, then clones of it, each from greeting to stop. */
public final class Rehearsal {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final CloneIdentity NOBODY =
      new CloneIdentity("rehearsal", new byte[CloneIdentity.GENERATION_ID_BYTES], 0, new byte[0]);
  private static final int SEALS =
      MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL;

  /** What is rehearsed. */
  @FunctionalInterface
  public interface Server {
    /**
     * Serves a supervision channel to its end, and frees everything.
     *
     * @return the exit code that the process would have
     */
    int serve(UnixSocket socket) throws IOException;
  }

  /** One play of the launcher's part. */
  private interface Part {
    void play(Stage stage) throws IOException, InterruptedException;
  }

  private final Fd kvm;
  private final Server server;

  /**
   * @param kvm an open /dev/kvm, which stays the caller's
   */
  public Rehearsal(Fd kvm, Server server) {
    this.kvm = kvm;
    this.server = server;
  }

  /**
   * Plays a template and {@code rounds} clones of it.
   *
   * @throws IOException if the machine cannot serve itself
   */
  public void play(int rounds) throws IOException {
    try (Fd ram = MemFd.create("rehearsal-ram", ScratchGuest.RAM_BYTES);
        Fd state = MemFd.create("rehearsal-state", 0)) {
      perform(true, stage -> playTemplate(stage, ram, state));
      MemFd.seal(ram, SEALS);
      MemFd.seal(state, SEALS);
      for (int i = 0; i < rounds; i++) {
        perform(false, stage -> playClone(stage, ram, state));
      }
    }
  }

  private void perform(boolean template, Part part) throws IOException {
    UnixSocket[] supervision = UnixSocket.pair();
    CompletableFuture<Void> played = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("rehearsal")
        .daemon()
        .start(
            () -> {
              try (Stage stage = new Stage(supervision[1], template)) {
                stage.call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0));
                part.play(stage);
                stage.call(new SupervisionRequest.Stop());
                played.complete(null);
              } catch (IOException | InterruptedException | RuntimeException e) {
                played.completeExceptionally(e);
              }
            });
    int exitCode = server.serve(supervision[0]);
    try {
      played.join();
    } catch (CompletionException e) {
      throw new IOException("rehearsal failed: " + e.getCause().getMessage(), e);
    }
    if (exitCode != 0) {
      throw new IOException("rehearsal ended with exit code " + exitCode);
    }
  }

  private void playTemplate(Stage stage, Fd ram, Fd state)
      throws IOException, InterruptedException {
    try (Fd kernel = ScratchGuest.kernel();
        Fd ownKvm = kvm.duplicate()) {
      stage.call(
          new SupervisionRequest.ConfigureVm(
              NOBODY.name(),
              ScratchGuest.RAM_BYTES,
              1,
              "",
              ownKvm,
              kernel,
              null,
              stage.console.readEnd(),
              stage.console.writeEnd(),
              stage.attachments,
              NOBODY,
              true,
              0));
    }
    stage.call(new SupervisionRequest.RunVm());
    stage.await(SupervisionEvent.GuestReady.class);
    stage.call(new SupervisionRequest.SaveVm(ram, state));
  }

  private void playClone(Stage stage, Fd ram, Fd state) throws IOException, InterruptedException {
    try (Fd ownKvm = kvm.duplicate()) {
      stage.call(
          new SupervisionRequest.PrepareClone(
              NOBODY.name(),
              ScratchGuest.RAM_BYTES,
              1,
              ownKvm,
              ram,
              state,
              stage.console.readEnd(),
              stage.console.writeEnd(),
              stage.attachments,
              false,
              0));
    }
    stage.call(new SupervisionRequest.RunClone(NOBODY));
    stage.await(SupervisionEvent.GuestMarker.class);
    for (ScratchServer device : stage.servers) {
      device.awaitServed(TIMEOUT);
    }
    stage.call(new SupervisionRequest.ReadCounters());
  }

  /** Everything that one play needs: the channel, the console and the device servers. */
  private static final class Stage implements Requester.Listener<SupervisionEvent>, AutoCloseable {
    private final BlockingQueue<SupervisionEvent> events = new LinkedBlockingQueue<>();
    private final Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> launcher;
    private final Pipe console = Pipe.create();
    private final List<ScratchServer> servers = new ArrayList<>();
    private final List<Attachment> attachments = new ArrayList<>();

    Stage(UnixSocket socket, boolean template) throws IOException {
      launcher =
          new Requester<>(
                  new FrameChannel(socket, "rehearsed vmm-main"), new SupervisionProtocol(), this)
              .start();
      for (ScratchGuest.Device device : ScratchGuest.DEVICES) {
        UnixSocket[] pair = UnixSocket.pair();
        servers.add(new ScratchServer(device, pair[1], template).start());
        attachments.add(new Attachment(device.name(), device.kind(), pair[0].fd()));
      }
    }

    void call(SupervisionRequest request) throws IOException {
      launcher.call(request, TIMEOUT);
    }

    <E extends SupervisionEvent> void await(Class<E> kind)
        throws IOException, InterruptedException {
      SupervisionEvent event;
      do {
        event = events.poll(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        if (event == null || event instanceof SupervisionEvent.GuestStopped) {
          throw new IOException("no " + kind.getSimpleName() + " from the guest but " + event);
        }
      } while (!kind.isInstance(event));
    }

    @Override
    public void onEvent(SupervisionEvent event) {
      events.add(event);
    }

    @Override
    public void onClosed(IOException cause) {
      // Seen by the next call, or the end.
    }

    @Override
    public void close() {
      launcher.close();
      attachments.forEach(attachment -> attachment.channel().close());
      servers.forEach(ScratchServer::close);
      console.readEnd().close();
      console.writeEnd().close();
    }
  }
}
