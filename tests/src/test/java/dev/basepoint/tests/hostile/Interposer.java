package dev.basepoint.tests.hostile;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.FrameChannel;
import dev.basepoint.ipc.control.Protocol;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionProtocol;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Somebody who has taken over a process: the role's real program runs, but its supervision channel
 * leads here, and if its device's name asks for an attack, its device channel does too.
 *
 * <pre>
 *   launcher  == supervision ==  Interposer  == descriptor 3 ==  the role's Main
 *   vmm-main  == device channel ==  HostileDevice  == device channel ==  the role's Main
 * </pre>
 */
public final class Interposer {
  private static final int SUPERVISION_FD = 3;

  private final SupervisionProtocol protocol = new SupervisionProtocol();
  private final FrameChannel launcher;
  private final FrameChannel program;
  private final SupervisionAttack attack;
  private final Map<Long, SupervisionRequest> asked = new ConcurrentHashMap<>();

  /** Made before the sandbox, which allows no new sockets. */
  private final UnixSocket[] devicePair = UnixSocket.pair();

  private Interposer(UnixSocket launcher, UnixSocket program, SupervisionAttack attack)
      throws IOException {
    this.launcher = new FrameChannel(launcher, "launcher");
    this.program = new FrameChannel(program, "program");
    this.attack = attack;
  }

  /**
   * Called at the head of the program's main method, which then finds its supervision channel
   * leading here.
   *
   * @param supervisionAttack a {@link SupervisionAttack}'s name
   */
  public static void start(String supervisionAttack) {
    try {
      interpose(SupervisionAttack.valueOf(supervisionAttack));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void interpose(SupervisionAttack attack) throws IOException {
    Fd given = Fd.own(SUPERVISION_FD);
    UnixSocket outside = UnixSocket.own(given.duplicate());
    given.close();
    // The lowest free number is the one just given back.
    UnixSocket[] inside = UnixSocket.pair();
    if (inside[0].fd().number() != SUPERVISION_FD) {
      throw new IllegalStateException("descriptor 3 went to somebody else");
    }
    Interposer interposer = new Interposer(outside, inside[1], attack);
    if (attack.outlivesItsChannel()) {
      FramePump.start(interposer.launcher, interposer::onRequest, () -> {});
    } else {
      FramePump.start(interposer.launcher, interposer.program, interposer::onRequest);
    }
    FramePump.start(interposer.program, interposer.launcher, interposer::onAnswer);
  }

  private void onRequest(Frame received) throws IOException {
    Protocol.Request<SupervisionRequest> request = protocol.decodeRequest(received);
    asked.put(request.id(), request.body());
    Frame frame = protocol.encodeRequest(request);
    if (request.body() instanceof SupervisionRequest.ConfigureDevice device) {
      Optional<DeviceAttack> wanted = DeviceAttack.of(device.name());
      if (wanted.isPresent()) {
        frame = interpose(wanted.get(), device, frame);
      }
    }
    FramePump.forward(frame, program);
  }

  /** Leads the device channel here; the program gets another one. */
  private Frame interpose(
      DeviceAttack wanted, SupervisionRequest.ConfigureDevice device, Frame configure)
      throws IOException {
    new HostileDevice(wanted, UnixSocket.own(device.channel()), devicePair[0], this::announce)
        .start();
    List<Fd> fds = new ArrayList<>(configure.fds());
    fds.set(fds.indexOf(device.channel()), devicePair[1].fd());
    return new Frame(configure.payload(), fds);
  }

  private void onAnswer(Frame frame) throws IOException {
    Protocol.Answer<SupervisionReply, SupervisionEvent> answer = protocol.decodeAnswer(frame);
    if (answer instanceof Protocol.Reply<SupervisionReply, SupervisionEvent> reply) {
      SupervisionRequest request = asked.remove(reply.id());
      if (attack.permitsReply(request, reply, launcher)) {
        toLauncher(answer);
        attack.afterReply(request, launcher);
      }
    } else if (!attack.swallows(answer)) {
      toLauncher(answer);
    }
  }

  private void toLauncher(Protocol.Answer<SupervisionReply, SupervisionEvent> answer)
      throws IOException {
    try {
      FramePump.forward(protocol.encodeAnswer(answer), launcher);
    } catch (ChannelClosedException e) {
      if (!attack.outlivesItsChannel()) {
        throw e;
      }
    }
  }

  /** Tells the launcher, and with it the test, that an attack begins or what came of it. */
  private void announce(String text) {
    try {
      launcher.send(
          protocol.encodeAnswer(new Protocol.Event<>(new SupervisionEvent.Warning(text))),
          Long.MAX_VALUE);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
