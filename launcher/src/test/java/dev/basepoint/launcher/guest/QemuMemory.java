package dev.basepoint.launcher.guest;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;

/** Writes into the memory of a running guest through QEMU's debugger port (GDB's protocol). */
final class QemuMemory {
  private static final int CHUNK_BYTES = 1024;
  private static final byte INTERRUPT = 3;

  private QemuMemory() {}

  /** Stops the guest, writes, and lets it go on. */
  static void write(Path socket, long address, byte[] bytes) throws IOException {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(socket));
      channel.write(ByteBuffer.wrap(new byte[] {INTERRUPT}));
      reply(channel);
      for (int at = 0; at < bytes.length; at += CHUNK_BYTES) {
        byte[] chunk = Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + CHUNK_BYTES));
        send(
            channel,
            "M%x,%x:%s".formatted(address + at, chunk.length, HexFormat.of().formatHex(chunk)));
        expectOk(channel);
      }
      send(channel, "D");
      expectOk(channel);
    }
  }

  private static void send(SocketChannel channel, String packet) throws IOException {
    int sum = packet.chars().sum() & 0xff;
    String framed = "$%s#%02x".formatted(packet, sum);
    ByteBuffer bytes = StandardCharsets.US_ASCII.encode(framed);
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static void expectOk(SocketChannel channel) throws IOException {
    String reply = reply(channel);
    if (!reply.equals("OK")) {
      throw new IOException("QEMU's debugger port answers " + reply);
    }
  }

  /** The next packet, acknowledged; acknowledgements of ours are skipped. */
  private static String reply(SocketChannel channel) throws IOException {
    StringBuilder packet = new StringBuilder();
    boolean inside = false;
    for (char c = next(channel); c != '#'; c = next(channel)) {
      if (inside) {
        packet.append(c);
      }
      inside = inside || c == '$';
    }
    next(channel);
    next(channel);
    channel.write(ByteBuffer.wrap(new byte[] {'+'}));
    return packet.toString();
  }

  private static char next(SocketChannel channel) throws IOException {
    ByteBuffer one = ByteBuffer.allocate(1);
    if (channel.read(one) < 1) {
      throw new IOException("QEMU closed its debugger port");
    }
    return (char) one.get(0);
  }
}
