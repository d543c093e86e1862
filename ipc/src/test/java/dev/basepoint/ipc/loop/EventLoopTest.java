package dev.basepoint.ipc.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.EventFd;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class EventLoopTest {
  @Test
  void handlersTasksAndPollersRunOnTheLoop() throws Exception {
    try (EventLoop loop = new EventLoop();
        EventFd event = EventFd.create()) {
      CountDownLatch handled = new CountDownLatch(1);
      AtomicInteger polls = new AtomicInteger();
      EventLoop.Registration registration =
          loop.watch(
              event.fd(),
              Epoll.EPOLLIN,
              events -> {
                event.drain();
                handled.countDown();
              });
      loop.addPoller(
          () -> {
            polls.incrementAndGet();
            return false;
          });
      loop.setSpinNanos(1_000_000);
      Thread thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      loop.run();
                    } catch (java.io.IOException e) {
                      throw new IllegalStateException(e);
                    }
                  });
      event.signal();
      assertTrue(handled.await(30, TimeUnit.SECONDS));
      loop.submit(
              () -> {
                assertTrue(loop.onLoopThread());
                registration.cancel();
                registration.cancel();
              })
          .get(30, TimeUnit.SECONDS);
      event.signal();
      loop.submit(() -> {}).get(30, TimeUnit.SECONDS);
      assertEquals(1, event.drain(), "a cancelled registration is not called");
      assertTrue(polls.get() > 0);
      loop.stop();
      thread.join(30_000);
      assertTrue(!thread.isAlive());
    }
  }
}
