package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * Linux's own virtio drivers against our jailed device servers, through QEMU as vhost-user front
 * end. One boot serves all tests, which therefore have an order.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class VhostUserLinuxTest {
  private static final long DISK_BYTES = 128 << 20;
  private static final int TRANSFER_BYTES = 50 << 20;
  private static final int KILLS = 3;

  @TempDir private static Path directory;

  private final String namespace = "bp-vhost-" + ProcessHandle.current().pid();
  private Path image;
  private DebianLinux linux;
  private Launcher blk;
  private Launcher net;
  private Launcher rng;
  private long blkPid;
  private long netPid;
  private LinuxGuest guest;

  @BeforeAll
  void boot() throws Exception {
    assumeTrue(Launcher.jar() != null, "the launcher's jar is not built yet: run mvn verify");
    Requirements.root();
    Requirements.program("ip");
    Requirements.program("qemu-system-x86_64");
    linux = DebianLinux.find();
    Path initramfs = directory.resolve("initramfs");
    Files.write(initramfs, linux.initramfs());
    image = directory.resolve("disk.img");
    try (var file = new java.io.RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(DISK_BYTES);
    }
    makeNamespace();
    blk = device("blk", "--vhost-user", socket("blk"), "--image", image.toString());
    net = device("net", "--vhost-user", socket("net"), "--tap", "tap0", "--netns", namespace);
    // QEMU's front end does not wait for its socket, so here QEMU is the one that listens.
    rng = device("rng", "--vhost-user", socket("rng"), "--connect");
    blkPid = awaitReady(blk);
    netPid = awaitReady(net);
    guest = new LinuxGuest(qemu(initramfs));
    guest.awaitReady();
  }

  private void makeNamespace() throws Exception {
    Command.check("ip", "netns", "add", namespace);
    Command.check("ip", "-n", namespace, "tuntap", "add", "dev", "tap0", "mode", "tap", "vnet_hdr");
    Command.check("ip", "-n", namespace, "addr", "add", "10.0.2.2/24", "dev", "tap0");
    Command.check("ip", "-n", namespace, "link", "set", "tap0", "up");
  }

  private static Launcher device(String... arguments) throws IOException {
    String[] all = new String[arguments.length + 2];
    all[0] = "device";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    all[all.length - 1] = "--json";
    return Launcher.start(all);
  }

  /** Waits until the device is served; returns the pid of who serves it. */
  private static long awaitReady(Launcher launcher) throws Exception {
    String line = launcher.awaitLine(text -> text.contains("\"event\":\"ready\""));
    return new ObjectMapper().readTree(line).get("pid").asLong();
  }

  private String socket(String name) {
    return directory.resolve(name).toString();
  }

  private List<String> qemu(Path initramfs) {
    return List.of(
        "qemu-system-x86_64",
        "-M",
        "q35,memory-backend=mem",
        "-accel",
        "tcg",
        "-cpu",
        "max",
        "-m",
        "384",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-object",
        "memory-backend-memfd,id=mem,size=384M,share=on",
        "-kernel",
        linux.kernel().toString(),
        "-initrd",
        initramfs.toString(),
        "-append",
        "console=ttyS0 loglevel=1",
        "-chardev",
        "socket,id=c0,reconnect=1,path=" + socket("blk"),
        "-device",
        "vhost-user-blk-pci,chardev=c0",
        "-chardev",
        "socket,id=c1,server=on,wait=on,path=" + socket("rng"),
        "-device",
        "vhost-user-rng-pci,chardev=c1",
        "-chardev",
        "socket,id=c2,reconnect=1,path=" + socket("net"),
        "-netdev",
        "vhost-user,id=n0,chardev=c2",
        "-device",
        // With MSI-X this QEMU crashes in its own front end.
        "virtio-net-pci,netdev=n0,vectors=0");
  }

  @AfterAll
  void end() throws Exception {
    if (guest != null) {
      guest.close();
    }
    for (Launcher launcher : new Launcher[] {blk, net, rng}) {
      if (launcher != null) {
        launcher.close();
      }
    }
    Command.run("ip", "netns", "del", namespace);
  }

  @Test
  @Order(1)
  void linuxKeepsFilesOnOurDisk() throws Exception {
    assertEquals(DISK_BYTES / 512, Long.parseLong(guest.check("cat /sys/block/vda/size")));
    guest.check("printf 'o\\nn\\np\\n1\\n\\n\\nw\\n' | fdisk /dev/vda > /dev/null");
    guest.check("test -b /dev/vda1 && mke2fs /dev/vda1 > /dev/null");
    guest.check("mount -t ext4 /dev/vda1 /mnt");
    guest.check("dd if=/dev/urandom of=/mnt/f bs=1M count=24 2> /dev/null && sync");
    String sum = guest.check("sha256sum /mnt/f");
    guest.check("umount /mnt && echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/vda1 /mnt");
    assertEquals(sum, guest.check("sha256sum /mnt/f"));

    long before = allocatedBlocks();
    guest.check("rm /mnt/f && sync && fstrim /mnt");
    long freed = (before - allocatedBlocks()) * 512;
    assertTrue(freed > 20 << 20, "discard gave " + freed + " bytes back to the host");
  }

  private long allocatedBlocks() throws Exception {
    return Long.parseLong(Command.check("stat", "-c", "%b", image.toString()).strip());
  }

  @Test
  @Order(2)
  void linuxTakesEntropyFromOurSource() throws Exception {
    assertTrue(guest.check("cat /sys/class/misc/hw_random/rng_current").startsWith("virtio_rng"));
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 8; i++) {
      String bytes = guest.check("dd if=/dev/hwrng bs=64 count=1 2> /dev/null | xxd -p -c 64");
      assertEquals(128, bytes.length(), bytes);
      assertTrue(seen.add(bytes), "the same 64 bytes came twice");
    }
    assertEquals(
        65536, Long.parseLong(guest.check("dd if=/dev/hwrng bs=1k count=64 2> /dev/null | wc -c")));
    assertEquals("256", guest.check("cat /proc/sys/kernel/random/entropy_avail"));
    assertNotEquals(
        guest.check("cat /proc/sys/kernel/random/uuid"),
        guest.check("cat /proc/sys/kernel/random/uuid"));
  }

  @Test
  @Order(3)
  void linuxTalksThroughOurNetworkCard() throws Exception {
    Path leases = directory.resolve("leases");
    Files.createFile(leases);
    Path udhcpd = directory.resolve("udhcpd.conf");
    Files.writeString(
        udhcpd,
        "start 10.0.2.15\nend 10.0.2.15\nmax_leases 1\ninterface tap0\nlease_file %s\npidfile %s\nopt subnet 255.255.255.0\n"
            .formatted(leases, directory.resolve("udhcpd.pid")));
    byte[] payload = new byte[TRANSFER_BYTES];
    new Random(7).nextBytes(payload);
    Path served = Files.createDirectory(directory.resolve("www"));
    Files.write(served.resolve("big"), payload);
    String sum = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(payload));

    guest.check("ip link set eth0 up");
    try (Helper _ = helper("udhcpd", "-f", udhcpd.toString())) {
      guest.check("udhcpc -i eth0 -n -q -t 30 -T 1 -s /etc/udhcpc.sh > /dev/null 2>&1");
    }
    assertTrue(guest.check("ip addr show eth0").contains("10.0.2.15/"));
    assertTrue(guest.check("ping -c 10 -i 0.1 -W 20 10.0.2.2").contains("10 packets received"));
    assertTrue(
        guest.check("ping -c 5 -i 0.1 -W 20 -s 1400 10.0.2.2").contains("5 packets received"));
    try (Helper _ = helper("httpd", "-f", "-p", "10.0.2.2:8080", "-h", served.toString())) {
      guest.check("wget -q -O /tmp/big http://10.0.2.2:8080/big");
      assertEquals(sum, guest.check("sha256sum /tmp/big").split(" ", -1)[0]);
    }
    Path received = directory.resolve("received");
    try (Helper listener = helper("sh", "-c", linux.busybox() + " nc -l -p 9000 > " + received)) {
      guest.check("until nc 10.0.2.2 9000 < /tmp/big 2> /dev/null; do usleep 100000; done");
      listener.awaitEnd();
    }
    assertEquals(
        -1, Files.mismatch(served.resolve("big"), received), "first byte that came back different");
    guest.check("rm /tmp/big");
  }

  /** A program of busybox in the TAP's namespace. */
  private Helper helper(String... arguments) throws IOException {
    java.util.ArrayList<String> command =
        new java.util.ArrayList<>(
            List.of("ip", "netns", "exec", namespace, linux.busybox().toString()));
    command.addAll(List.of(arguments));
    // Its standard input stays open: at the end of that, nc would hang up.
    return new Helper(
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start());
  }

  private record Helper(Process process) implements AutoCloseable {
    void awaitEnd() throws Exception {
      assertTrue(process.waitFor(Launcher.PATIENCE_SECONDS, java.util.concurrent.TimeUnit.SECONDS));
    }

    @Override
    public void close() {
      process.destroyForcibly();
      process.onExit().join();
    }
  }

  @Test
  @Order(4)
  void linuxGoesOnWhenTheDiskServerIsKilled() throws Exception {
    for (int i = 0; i < KILLS; i++) {
      guest.check(
          "(dd if=/dev/urandom of=/mnt/g bs=64k count=320 conv=fsync 2> /dev/null && sha256sum"
              + " /mnt/g > /tmp/sum; echo $? > /tmp/status) &");
      guest.check("until [ -s /mnt/g ]; do usleep 10000; done");
      kill(blkPid);
      long successor = awaitReady(blk);
      assertNotEquals(blkPid, successor);
      blkPid = successor;
      guest.check("wait");
      assertEquals("0", guest.check("cat /tmp/status"));
      guest.check(
          "sync && umount /mnt && echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/vda1"
              + " /mnt");
      guest.check("sha256sum -c /tmp/sum && rm /tmp/status");
    }
    assertEquals("0", guest.check("dmesg | grep -c 'I/O error' || true"));
    guest.check("umount /mnt");
  }

  @Test
  @Order(5)
  void linuxGoesOnWhenTheNetworkServerIsKilled() throws Exception {
    for (int i = 0; i < KILLS; i++) {
      kill(netPid);
      netPid = awaitReady(net);
      guest.check(
          "n=0; while [ $n -lt 90 ] && ! ping -c 1 -W 1 10.0.2.2 > /dev/null; do n=$((n+1)); done");
      assertTrue(guest.check("ping -c 10 -i 0.1 -W 20 10.0.2.2").contains("10 packets received"));
    }
  }

  @Test
  @Order(6)
  void linuxGoesOnWhenTheEntropyServerIsKilled() throws Exception {
    // Once only: this QEMU's front end does not start its ring again after a second loss.
    kill(awaitReady(rng));
    awaitReady(rng);
    String bytes =
        guest.check(
            "timeout -s KILL 60 dd if=/dev/hwrng bs=64 count=1 2> /dev/null | xxd -p -c 64");
    assertEquals(128, bytes.length(), bytes);
    assertEquals("alive", guest.check("echo alive"));
  }

  private static void kill(long pid) throws Exception {
    Command.check("kill", "-9", Long.toString(pid));
  }

  @Test
  @Order(7)
  void everythingEndsInPeace() throws Exception {
    assertEquals(0, guest.powerOff());
    for (Launcher launcher : List.of(blk, net, rng)) {
      launcher.interrupt();
      assertEquals(0, launcher.awaitExit(), launcher::output);
    }
    assertTrue(Files.notExists(Path.of(socket("blk"))), "a listening socket is taken away");
  }
}
