package dev.basepoint.ipc.control;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.SandboxOrder;
import java.util.List;

/** What the launcher asks of a child. */
public sealed interface SupervisionRequest {
  /** Longest name of a VM or a device. */
  int NAME_CHARS_MAX = 64;

  /** Offers the protocol version and optional features; must come first, once. */
  record Hello(int version, long featureBits) implements SupervisionRequest {}

  /**
   * Completes the child's sandbox; at most once, after the greeting and before the configuration.
   *
   * @param order {@link dev.basepoint.ipc.linux.SandboxOrder} as bytes
   */
  record EnterSandbox(byte[] order) implements SupervisionRequest {
    public EnterSandbox {
      check(order.length > 0 && order.length <= SandboxOrder.BYTES_MAX, "order", order.length);
    }
  }

  /** Tells a child what it is to be; once. */
  sealed interface Configure extends SupervisionRequest {}

  /** Tells a device server what it is to be. */
  sealed interface ConfigureDevice extends Configure {
    /** The device's name in its VM. */
    String name();

    /** The server's end of the device channel. */
    Fd channel();
  }

  /** Tells a vmm-main what machine it is to be. */
  sealed interface ConfigureMachine extends Configure {
    /** The machine's name. */
    String name();

    /** Guest RAM, a multiple of 4096. */
    long memoryBytes();

    /** 1 to {@link ConfigureVm#VCPUS_MAX}. */
    int vcpus();

    /** An open /dev/kvm. */
    Fd kvm();

    /** Bytes for the guest's serial port, or null. */
    Fd consoleInput();

    /** Takes what the guest writes to its serial port. */
    Fd consoleOutput();

    /** The devices, in the order in which the guest finds them. */
    List<Attachment> devices();

    /**
     * Pause all vCPUs when the guest rings ready, before that is reported; the one that rang stands
     * directly behind its OUT.
     */
    boolean pauseAtReady();

    /** How long a device waits for another server when its own has failed; 0 for not at all. */
    int replacementMillis();
  }

  /**
   * A virtual machine that boots.
   *
   * @param kernel the kernel image, readable
   * @param initrd or null
   * @param identity who the guest is
   */
  record ConfigureVm(
      String name,
      long memoryBytes,
      int vcpus,
      String commandLine,
      Fd kvm,
      Fd kernel,
      Fd initrd,
      Fd consoleInput,
      Fd consoleOutput,
      List<Attachment> devices,
      CloneIdentity identity,
      boolean pauseAtReady,
      int replacementMillis)
      implements ConfigureMachine {
    public static final int VCPUS_MAX = 8;
    public static final int DEVICES_MAX = 16;
    public static final int COMMAND_LINE_CHARS_MAX = 2048;
    public static final long MEMORY_BYTES_MIN = 2L << 20;
    public static final long MEMORY_BYTES_MAX = 1L << 40;
    public static final int REPLACEMENT_MILLIS_MAX = 600_000;

    public ConfigureVm {
      devices = List.copyOf(devices);
      checkMachine(name, memoryBytes, vcpus, devices, replacementMillis);
      check(
          commandLine.length() <= COMMAND_LINE_CHARS_MAX,
          "command line length",
          commandLine.length());
    }
  }

  /**
   * A virtual machine that goes on where another one stood when it was saved: armed up to the last
   * step, it waits for {@link RunClone}.
   *
   * @param templateRam the saved RAM, sealed against change
   * @param templateState all else that was saved, sealed against change
   */
  record PrepareClone(
      String name,
      long memoryBytes,
      int vcpus,
      Fd kvm,
      Fd templateRam,
      Fd templateState,
      Fd consoleInput,
      Fd consoleOutput,
      List<Attachment> devices,
      boolean pauseAtReady,
      int replacementMillis)
      implements ConfigureMachine {
    public PrepareClone {
      devices = List.copyOf(devices);
      checkMachine(name, memoryBytes, vcpus, devices, replacementMillis);
    }
  }

  /**
   * A device of the VM.
   *
   * @param channel vmm-main's end of the device channel
   */
  record Attachment(String name, Kind kind, Fd channel) {
    public Attachment {
      checkName(name);
    }
  }

  /** What a device is, by the name of its server's role. */
  enum Kind {
    BLK,
    NET,
    RNG;

    /** The name on the wire. */
    public String wireName() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /**
   * A block device.
   *
   * @param channel the server's end of the device channel
   * @param image the disk image; without layers its size is the capacity
   * @param layers overlay files upon the image, which is then only read, bottom to top; the last is
   *     written to unless {@code readOnly}, the others never
   * @param direct the image was opened with O_DIRECT
   * @param serial at most 20 ASCII characters (virtio 1.2 section 5.2.6.1)
   * @param blockSizeBytes a power of two from 512 to 65536
   * @param discard offer DISCARD and WRITE_ZEROES
   */
  record ConfigureBlk(
      String name,
      Fd channel,
      Fd image,
      List<Fd> layers,
      boolean readOnly,
      boolean direct,
      String serial,
      int queueCount,
      int queueSize,
      int blockSizeBytes,
      boolean discard)
      implements ConfigureDevice {
    public static final int LAYERS_MAX = 8;

    public ConfigureBlk {
      checkName(name);
      layers = List.copyOf(layers);
      check(layers.size() <= LAYERS_MAX, "layer count", layers.size());
      check(serial.length() <= 20, "serial length", serial.length());
      check(queueCount >= 1 && queueCount <= 16, "queue count", queueCount);
      checkQueueSize(queueSize);
      check(
          blockSizeBytes >= 512 && blockSizeBytes <= 65536 && Integer.bitCount(blockSizeBytes) == 1,
          "block size",
          blockSizeBytes);
    }
  }

  /** What carries a network device's packets. */
  enum NetBackend {
    /** A TAP device opened with IFF_NO_PI and IFF_VNET_HDR. */
    TAP,
    /** A stream socket with a 32-bit big-endian length before each packet. */
    STREAM,
    /** The device server itself answers ARP, ICMP echo and UDP echo. */
    ECHO,
    /** Nothing is received; what is sent is counted as dropped. */
    NONE;

    /** Whether the back end is a descriptor. */
    public boolean hasDescriptor() {
      return this == TAP || this == STREAM;
    }
  }

  /**
   * A network device.
   *
   * @param backendFd what {@code backend} needs, or null
   * @param mac six bytes
   * @param mtuBytes 68 to 65535
   * @param offloads offer checksum and segmentation offloads where the back end has them
   */
  record ConfigureNet(
      String name,
      Fd channel,
      Fd backendFd,
      NetBackend backend,
      byte[] mac,
      int mtuBytes,
      int queueSize,
      boolean offloads,
      boolean linkUp)
      implements ConfigureDevice {
    public ConfigureNet {
      checkName(name);
      check(mac.length == 6, "MAC length", mac.length);
      if (backend.hasDescriptor() != (backendFd != null)) {
        throw new IllegalArgumentException("descriptor of back end " + backend);
      }
      check(mtuBytes >= 68 && mtuBytes <= 65535, "MTU", mtuBytes);
      checkQueueSize(queueSize);
    }
  }

  /**
   * An entropy device.
   *
   * @param rateBytesPerSecond 0 for no limit
   * @param requestBytesMax most bytes for one request
   */
  record ConfigureRng(
      String name, Fd channel, long rateBytesPerSecond, int requestBytesMax, int queueSize)
      implements ConfigureDevice {
    public ConfigureRng {
      checkName(name);
      check(rateBytesPerSecond >= 0, "rate", rateBytesPerSecond);
      check(requestBytesMax >= 1 && requestBytesMax <= 1 << 20, "request limit", requestBytesMax);
      checkQueueSize(queueSize);
    }
  }

  /**
   * Has a device served to vhost-user front ends instead of vmm-main.
   *
   * @param device its channel is the vhost-user socket
   * @param listening whether front ends connect to that socket, one after the other; otherwise it
   *     is connected to the only one, and the process ends with it
   */
  record ConfigureVhostUser(ConfigureDevice device, boolean listening) implements Configure {}

  /** Lets the configured VM run. */
  record RunVm() implements SupervisionRequest {}

  /** Lets a prepared clone run, as somebody of its own. */
  record RunClone(CloneIdentity identity) implements SupervisionRequest {}

  /**
   * Saves a paused VM, which can be resumed afterwards.
   *
   * @param ram an empty memfd as large as the guest's RAM; pages of zeros stay holes in it
   * @param state an empty memfd for everything else
   */
  record SaveVm(Fd ram, Fd state) implements SupervisionRequest {}

  /**
   * Gives a device another server: instead of the first one before a clone runs, and instead of one
   * that has failed afterwards.
   *
   * @param channel vmm-main's end of the device channel
   */
  record ReplaceServer(String device, Fd channel) implements SupervisionRequest {
    public ReplaceServer {
      checkName(device);
    }
  }

  /** Stops every vCPU at an instruction boundary. */
  record PauseVm() implements SupervisionRequest {}

  /** Lets a paused VM go on. */
  record ResumeVm() implements SupervisionRequest {}

  /** Asks for all counters. */
  record ReadCounters() implements SupervisionRequest {}

  /** Sets a network device's link state. */
  record SetLink(boolean up) implements SupervisionRequest {}

  /** Ends the process cleanly. */
  record Stop() implements SupervisionRequest {}

  /** Asks for a sign of life. */
  record Ping() implements SupervisionRequest {}

  private static void check(boolean valid, String what, long value) {
    if (!valid) {
      throw new IllegalArgumentException(what + " " + value + " is out of range");
    }
  }

  private static void checkMachine(
      String name, long memoryBytes, int vcpus, List<Attachment> devices, int replacementMillis) {
    checkName(name);
    check(
        memoryBytes >= ConfigureVm.MEMORY_BYTES_MIN
            && memoryBytes <= ConfigureVm.MEMORY_BYTES_MAX
            && memoryBytes % 4096 == 0,
        "memory",
        memoryBytes);
    check(vcpus >= 1 && vcpus <= ConfigureVm.VCPUS_MAX, "vcpus", vcpus);
    check(devices.size() <= ConfigureVm.DEVICES_MAX, "device count", devices.size());
    check(
        replacementMillis >= 0 && replacementMillis <= ConfigureVm.REPLACEMENT_MILLIS_MAX,
        "replacement time",
        replacementMillis);
  }

  private static void checkQueueSize(int size) {
    check(size >= 2 && size <= 1024 && Integer.bitCount(size) == 1, "queue size", size);
  }

  private static void checkName(String name) {
    check(!name.isEmpty() && name.length() <= NAME_CHARS_MAX, "name length", name.length());
  }
}
