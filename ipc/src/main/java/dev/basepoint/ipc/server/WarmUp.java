package dev.basepoint.ipc.server;

import dev.basepoint.ipc.control.DeviceEvent;
import dev.basepoint.ipc.control.DeviceProtocol;
import dev.basepoint.ipc.control.DeviceReply;
import dev.basepoint.ipc.control.DeviceRequest;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Plays a whole server's life inside its own process: greeting, configuration, activations,
 * requests, drains and the stop, over real channels and a real window, so that every class on the
 * way is loaded and the code compiled. Nothing of it is left afterwards but that.
 */
final class WarmUp {
  /** Requests of one activation. */
  static final int REQUESTS_PER_ROUND = 25;

  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private WarmUp() {}

  /**
   * Plays {@code options.warmUpRounds()} activations, shared between the back ends there are.
   *
   * @throws IOException if the role cannot serve itself
   */
  static <C extends SupervisionRequest.ConfigureDevice> void play(
      DeviceRole<C> role, ServerOptions options) throws IOException {
    Rehearsal<C> rehearsal =
        role.rehearsal()
            .orElseThrow(() -> new IOException("role " + role.name() + " has no rehearsal"));
    int rounds = Math.ceilDiv(options.warmUpRounds(), rehearsal.variants());
    for (int variant = 0; variant < rehearsal.variants(); variant++) {
      play(role, options, rehearsal, variant, rounds);
    }
  }

  private static <C extends SupervisionRequest.ConfigureDevice> void play(
      DeviceRole<C> role, ServerOptions options, Rehearsal<C> rehearsal, int variant, int rounds)
      throws IOException {
    UnixSocket[] supervision = UnixSocket.pair();
    CompletableFuture<Void> played = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("rehearsal")
        .daemon()
        .start(
            () -> {
              try {
                launch(supervision[1], rehearsal, variant, rounds);
                played.complete(null);
              } catch (IOException | RuntimeException e) {
                played.completeExceptionally(e);
              }
            });
    int status = new DeviceServer<>(role, options, supervision[0]).serve();
    try {
      played.join();
    } catch (CompletionException e) {
      throw new IOException("rehearsal failed: " + e.getCause().getMessage(), e);
    }
    if (status != DeviceServer.EXIT_OK) {
      throw new IOException("rehearsal ended with status " + status);
    }
  }

  private static <C extends SupervisionRequest.ConfigureDevice> void launch(
      UnixSocket supervision, Rehearsal<C> rehearsal, int variant, int rounds) throws IOException {
    try (Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> launcher =
        requester(supervision, new SupervisionProtocol())) {
      launcher.call(new SupervisionRequest.Hello(SupervisionProtocol.VERSION, 0), TIMEOUT);
      UnixSocket[] pair = UnixSocket.pair();
      try (Requester<DeviceRequest, DeviceReply, DeviceEvent> driver =
          requester(pair[0], new DeviceProtocol())) {
        configure(launcher, rehearsal.configuration(pair[1].fd(), variant));
        driver.call(new DeviceRequest.Hello(DeviceProtocol.VERSION, 0), TIMEOUT);
        for (int i = 0; i < rounds; i++) {
          playRound(driver, rehearsal);
        }
        launcher.call(new SupervisionRequest.ReadCounters(), TIMEOUT);
        launcher.call(new SupervisionRequest.Stop(), TIMEOUT);
      }
    }
  }

  private static <C extends SupervisionRequest.ConfigureDevice> void configure(
      Requester<SupervisionRequest, SupervisionReply, SupervisionEvent> launcher, C configuration)
      throws IOException {
    try {
      launcher.call(configuration, TIMEOUT);
    } finally {
      DeviceServer.discard(configuration);
    }
  }

  private static <C extends SupervisionRequest.ConfigureDevice> void playRound(
      Requester<DeviceRequest, DeviceReply, DeviceEvent> requester, Rehearsal<C> rehearsal)
      throws IOException {
    DeviceReply.Info info =
        (DeviceReply.Info) requester.call(new DeviceRequest.Describe(), TIMEOUT);
    try (RehearsalDriver driver =
        new RehearsalDriver(requester, info.features(), rehearsal.queueCount())) {
      for (int i = 0; i < REQUESTS_PER_ROUND; i++) {
        rehearsal.request(driver);
      }
    }
  }

  private static <Q, A, E> Requester<Q, A, E> requester(
      UnixSocket socket, dev.basepoint.ipc.control.Protocol<Q, A, E> protocol) {
    return new Requester<>(
            new FrameChannel(socket, "rehearsed server"),
            protocol,
            new Requester.Listener<E>() {
              @Override
              public void onEvent(E event) {
                // Nothing in a rehearsal is worth reporting.
              }

              @Override
              public void onClosed(IOException cause) {
                // Seen by the next call, or the end.
              }
            })
        .start();
  }
}
