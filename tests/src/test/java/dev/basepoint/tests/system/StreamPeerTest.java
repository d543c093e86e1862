package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Guests whose packets travel over a stream socket to somebody else's program. */
class StreamPeerTest {
  @TempDir private Path directory;

  private static final String PROBE_GUEST =
      "launcher/src/main/resources/dev/basepoint/launcher/guest/probe-guest.elf";

  private Path manifest(String commandLine, String backend) throws Exception {
    Path manifest = directory.resolve("stream.yaml");
    Files.writeString(
        manifest,
        """
        version: 1
        name: stream
        memory: 64MiB
        cmdline: %s
        console: none
        devices:
          - type: net
            backend: %s
        """
            .formatted(commandLine, backend));
    return manifest;
  }

  @Test
  void probeGuestInQemuAnswersOurs() throws Exception {
    Requirements.vm();
    Requirements.program("qemu-system-x86_64");
    Path socket = directory.resolve("wire");
    Process qemu =
        new ProcessBuilder(
                "qemu-system-x86_64",
                "-M",
                "microvm,acpi=off",
                "-accel",
                "tcg",
                "-m",
                "64",
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
                "-serial",
                "stdio",
                "-global",
                "virtio-mmio.force-legacy=false",
                "-netdev",
                "stream,id=n0,server=on,addr.type=unix,addr.path=" + socket,
                "-device",
                "virtio-net-device,netdev=n0,mac=02:00:00:00:00:99",
                "-kernel",
                Launcher.root().resolve(PROBE_GUEST).toString(),
                "-append",
                "probe=serve net.ip=10.0.2.2/24")
            .redirectErrorStream(true)
            .start();
    try {
      awaitText(qemu, "\"event\":\"serving\"");
      Path manifest =
          manifest(
              "probe=net net.echo=50 net.ping=50 net.size=1000",
              "{type: stream, connect: " + socket + "}");
      try (Launcher run = Launcher.run("run", manifest.toString(), "--json")) {
        assertEquals(0, run.awaitExit(), run::output);
        JsonNode net = run.json().get("guest").get("net0");
        assertEquals(50, net.get("answered").asInt());
        assertEquals(50, net.get("ping_answered").asInt());
      }
    } finally {
      qemu.destroyForcibly();
      qemu.waitFor(60, TimeUnit.SECONDS);
    }
  }

  private static void awaitText(Process process, String text) throws Exception {
    StringBuilder output = new StringBuilder();
    String line = process.inputReader().readLine();
    while (line != null && !line.contains(text)) {
      output.append(line).append('\n');
      line = process.inputReader().readLine();
    }
    assertTrue(line != null, "the peer ended before it said " + text + ": " + output);
  }

  @Test
  void passtCarriesUdpToTheHostsLoopback() throws Exception {
    Requirements.vm();
    Requirements.root();
    Requirements.program("passt");
    Requirements.program("ip");
    String namespace = "bp-passt-" + ProcessHandle.current().pid();
    Path socket = Path.of("/tmp/" + namespace + ".sock");
    Command.check("ip", "netns", "add", namespace);
    try {
      // passt wants an interface with a route; this one leads nowhere.
      inNamespace(namespace, "ip", "link", "set", "lo", "up");
      inNamespace(namespace, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
      inNamespace(namespace, "ip", "addr", "add", "10.0.2.15/24", "dev", "up0");
      inNamespace(namespace, "ip", "link", "set", "up0", "up");
      inNamespace(namespace, "ip", "link", "set", "up1", "up");
      inNamespace(namespace, "ip", "route", "add", "default", "via", "10.0.2.2");
      Process passt =
          new ProcessBuilder(
                  "ip",
                  "netns",
                  "exec",
                  namespace,
                  "passt",
                  "--foreground",
                  "--runas",
                  "0",
                  "--socket",
                  socket.toString(),
                  "--ipv4-only",
                  "--quiet")
              .redirectErrorStream(true)
              .start();
      Process echo = startEchoServer(namespace);
      try {
        awaitFile(socket, passt);
        Path manifest =
            manifest(
                "probe=net net.echo=50 net.port=7007", "{type: stream, connect: " + socket + "}");
        try (Launcher run = Launcher.run("run", manifest.toString(), "--json")) {
          assertEquals(0, run.awaitExit(), run::output);
          assertEquals(50, run.json().get("guest").get("net0").get("answered").asInt());
        }
      } finally {
        passt.destroyForcibly();
        echo.destroyForcibly();
        passt.waitFor(60, TimeUnit.SECONDS);
        echo.waitFor(60, TimeUnit.SECONDS);
      }
    } finally {
      Command.run("ip", "netns", "del", namespace);
      Files.deleteIfExists(socket);
    }
  }

  private static void inNamespace(String namespace, String... command) throws Exception {
    String[] whole = new String[command.length + 4];
    whole[0] = "ip";
    whole[1] = "netns";
    whole[2] = "exec";
    whole[3] = namespace;
    System.arraycopy(command, 0, whole, 4, command.length);
    Command.check(whole);
  }

  private static Process startEchoServer(String namespace) throws Exception {
    Process echo =
        new ProcessBuilder(
                "ip",
                "netns",
                "exec",
                namespace,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                EchoServer.class.getName())
            .redirectErrorStream(true)
            .start();
    awaitText(echo, "listening");
    return echo;
  }

  private static void awaitFile(Path file, Process owner) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!Files.exists(file)) {
      assertTrue(owner.isAlive() && System.nanoTime() < deadline, "passt made no socket");
      Thread.onSpinWait();
    }
  }

  /** Sends every datagram back, in a process that can be put into a namespace. */
  static final class EchoServer {
    private EchoServer() {}

    public static void main(String[] args) throws Exception {
      try (DatagramSocket socket = new DatagramSocket(7007, InetAddress.getLoopbackAddress())) {
        System.out.println("listening");
        DatagramPacket packet = new DatagramPacket(new byte[65536], 65536);
        while (true) {
          socket.receive(packet);
          socket.send(packet);
          packet.setLength(65536);
        }
      }
    }
  }
}
