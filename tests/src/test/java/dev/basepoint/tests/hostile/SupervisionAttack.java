package dev.basepoint.tests.hostile;

import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Protocol;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What a child that somebody has taken over does to the launcher. */
public enum SupervisionAttack {
  NONE,

  // While it starts.
  SILENT_ON_HELLO,
  OTHER_ROLE,
  REPLY_OF_WRONG_TYPE,
  SILENT_ON_CONFIGURE,
  CLOSES_ON_CONFIGURE,

  // Once the VM runs, or the device is configured.
  FLOODS_WARNINGS,
  FLOODS_MARKERS,
  FLOODS_OUTPUT,
  NAMES_STRANGE_DEVICE,
  SPEAKS_FOR_VMM_MAIN,
  REPLY_NOBODY_ASKED_FOR,
  GARBAGE_PAYLOAD,
  SURPLUS_DESCRIPTORS,
  CLOSES_CHANNEL,

  // When the run ends.
  HIDES_THE_END,
  SILENT_ON_STOP,
  COUNTERS_FOR_A_TERMINAL;

  private static final int FLOOD = 100_000_000;
  private static final int STRANGE_ID = 1_000_000;

  /** Sees a reply before it is sent; returns whether it still is to be. */
  boolean permitsReply(
      SupervisionRequest request,
      Protocol.Reply<SupervisionReply, SupervisionEvent> reply,
      FrameChannel launcher)
      throws IOException {
    return switch (request) {
      case SupervisionRequest.Hello _ -> onHello(reply, launcher);
      case SupervisionRequest.Configure _ -> onConfigure(launcher);
      case SupervisionRequest.Stop _ -> this != SILENT_ON_STOP;
      case SupervisionRequest.ReadCounters _ when this == COUNTERS_FOR_A_TERMINAL -> {
        send(launcher, new Protocol.Reply<>(reply.id(), counters()));
        yield false;
      }
      default -> true;
    };
  }

  /** Whether the process goes on without a launcher. */
  boolean outlivesItsChannel() {
    return this == CLOSES_CHANNEL;
  }

  /** Whether the launcher never gets an event. */
  boolean swallows(Protocol.Answer<SupervisionReply, SupervisionEvent> answer) {
    return this == HIDES_THE_END
        && answer instanceof Protocol.Event<SupervisionReply, SupervisionEvent>(var event)
        && event instanceof SupervisionEvent.GuestStopped;
  }

  private boolean onHello(
      Protocol.Reply<SupervisionReply, SupervisionEvent> reply, FrameChannel launcher)
      throws IOException {
    switch (this) {
      case SILENT_ON_HELLO -> {
        return false;
      }
      case OTHER_ROLE ->
          send(
              launcher,
              new Protocol.Reply<>(
                  reply.id(),
                  new SupervisionReply.Hello(SupervisionProtocol.VERSION, 0, "launcher", 1)));
      case REPLY_OF_WRONG_TYPE ->
          send(launcher, new Protocol.Reply<>(reply.id(), new SupervisionReply.Done()));
      default -> {
        return true;
      }
    }
    return false;
  }

  private boolean onConfigure(FrameChannel launcher) {
    if (this == CLOSES_ON_CONFIGURE) {
      launcher.shutdown();
    }
    return this != SILENT_ON_CONFIGURE && this != CLOSES_ON_CONFIGURE;
  }

  /** Attacks, if this is the moment. */
  void afterReply(SupervisionRequest request, FrameChannel launcher) {
    boolean atWork =
        request instanceof SupervisionRequest.ConfigureDevice
            || request instanceof SupervisionRequest.RunVm;
    if (!atWork) {
      return;
    }
    Thread.ofPlatform()
        .name("attack")
        .daemon()
        .start(
            () -> {
              try {
                attack(launcher);
              } catch (IOException e) {
                // The launcher has had enough.
              }
            });
  }

  private void attack(FrameChannel launcher) throws IOException {
    switch (this) {
      case FLOODS_WARNINGS -> flood(launcher, new SupervisionEvent.Warning("\u001b[2J flood"));
      case FLOODS_MARKERS -> flood(launcher, new SupervisionEvent.GuestMarker(7, 0));
      case FLOODS_OUTPUT -> {
        for (int i = 0; i < FLOOD; i++) {
          System.err.println("nobody can stop me");
        }
      }
      case NAMES_STRANGE_DEVICE ->
          event(launcher, new SupervisionEvent.DeviceFailed("no-such-device", "it is gone"));
      case SPEAKS_FOR_VMM_MAIN ->
          event(
              launcher,
              new SupervisionEvent.GuestStopped(
                  SupervisionEvent.StopReason.POWER_OFF, "all is well", 0));
      case REPLY_NOBODY_ASKED_FOR ->
          send(launcher, new Protocol.Reply<>(STRANGE_ID, new SupervisionReply.Done()));
      case GARBAGE_PAYLOAD ->
          launcher.send(new Frame(new byte[] {-1, -1, -1, -1}, List.of()), Long.MAX_VALUE);
      case SURPLUS_DESCRIPTORS ->
          launcher.send(new Frame(new byte[0], List.of(launcher.fd())), Long.MAX_VALUE);
      case CLOSES_CHANNEL -> launcher.shutdown();
      default -> {}
    }
  }

  private static void flood(FrameChannel launcher, SupervisionEvent event) throws IOException {
    for (int i = 0; i < FLOOD; i++) {
      event(launcher, event);
    }
  }

  private static SupervisionReply counters() {
    Map<String, Long> values = new HashMap<>();
    for (int i = 0; i < SupervisionReply.Group.VALUES_MAX; i++) {
      values.put("\u001b[2J" + i, Long.MAX_VALUE);
    }
    return new SupervisionReply.Counters(List.of(new SupervisionReply.Group("rng", values)));
  }

  private static void event(FrameChannel launcher, SupervisionEvent event) throws IOException {
    send(launcher, new Protocol.Event<>(event));
  }

  private static void send(
      FrameChannel launcher, Protocol.Answer<SupervisionReply, SupervisionEvent> answer)
      throws IOException {
    launcher.send(new SupervisionProtocol().encodeAnswer(answer), Long.MAX_VALUE);
  }
}
