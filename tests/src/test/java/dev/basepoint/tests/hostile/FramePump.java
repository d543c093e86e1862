package dev.basepoint.tests.hostile;

import dev.basepoint.ipc.control.Frame;
import dev.basepoint.ipc.control.FrameChannel;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Takes every frame that arrives on a channel, until the channel ends. */
final class FramePump implements Runnable {
  /** What becomes of a frame; owns it. */
  interface Handler {
    void take(Frame frame) throws IOException;
  }

  private static final long IDLE_NANOS = TimeUnit.MINUTES.toNanos(10);

  private final FrameChannel from;
  private final Handler handler;
  private final Runnable onEnd;

  private FramePump(FrameChannel from, Handler handler, Runnable onEnd) {
    this.from = from;
    this.handler = handler;
    this.onEnd = onEnd;
  }

  /** Starts a thread; when {@code from} ends, {@code to} does too. */
  static void start(FrameChannel from, FrameChannel to, Handler handler) {
    start(from, handler, to::shutdown);
  }

  /** Starts a thread; when {@code from} ends, it does {@code onEnd} and nothing else. */
  static void start(FrameChannel from, Handler handler, Runnable onEnd) {
    Thread.ofPlatform()
        .name("from-" + from.peer())
        .daemon()
        .start(new FramePump(from, handler, onEnd));
  }

  @Override
  public void run() {
    try {
      while (true) {
        Frame frame = from.receive(System.nanoTime() + IDLE_NANOS);
        if (frame != null) {
          handler.take(frame);
        }
      }
    } catch (IOException e) {
      from.shutdown();
      onEnd.run();
    }
  }

  /** Passes a frame on and closes this process's copies of its descriptors. */
  static void forward(Frame frame, FrameChannel to) throws IOException {
    try {
      to.send(frame, System.nanoTime() + IDLE_NANOS);
    } finally {
      frame.discard();
    }
  }
}
