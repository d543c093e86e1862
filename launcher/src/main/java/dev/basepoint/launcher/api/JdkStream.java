package dev.basepoint.launcher.api;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A client's connection, by the JDK alone: the start of the native linker would cost more. */
final class JdkStream implements ByteStream {
  private final SocketChannel channel;
  private final Selector selector;
  private final SelectionKey key;

  private JdkStream(SocketChannel channel, Selector selector) throws IOException {
    this.channel = channel;
    this.selector = selector;
    this.key = channel.register(selector, 0);
  }

  static JdkStream connect(Path socket) throws IOException {
    SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
    try {
      channel.configureBlocking(false);
      return new JdkStream(channel, Selector.open());
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public int read(ByteBuffer target, long deadlineNanos) throws IOException, TimeoutException {
    while (true) {
      int count = channel.read(target);
      if (count != 0) {
        return count;
      }
      await(SelectionKey.OP_READ, deadlineNanos);
    }
  }

  @Override
  public void write(ByteBuffer source, long deadlineNanos) throws IOException, TimeoutException {
    while (source.hasRemaining()) {
      if (channel.write(source) == 0) {
        await(SelectionKey.OP_WRITE, deadlineNanos);
      }
    }
  }

  private void await(int operation, long deadlineNanos) throws IOException, TimeoutException {
    long leftNanos = deadlineNanos - System.nanoTime();
    if (leftNanos <= 0) {
      throw new TimeoutException();
    }
    key.interestOps(operation);
    selector.select(TimeUnit.NANOSECONDS.toMillis(leftNanos) + 1);
    selector.selectedKeys().clear();
  }

  @Override
  public void close() {
    try (selector;
        channel) {
      key.cancel();
    } catch (IOException e) {
      // Nothing more can be done about a connection that cannot be closed.
    }
  }
}
