package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Mapping;
import dev.basepoint.ipc.linux.MemFd;
import dev.basepoint.ipc.linux.OpenFile;
import dev.basepoint.launcher.manifest.BlkSpec;
import dev.basepoint.launcher.manifest.DeviceSpec;
import dev.basepoint.launcher.manifest.KernelImage;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Turns a manifest into a plan by opening everything that it names. */
public final class PlanOpener {
  /** The guest that is part of the program. */
  private static final String PROBE_GUEST = "/dev/basepoint/launcher/guest/probe-guest.elf";

  private PlanOpener() {}

  /** Opens a plan whose disks are written in place; see the other method. */
  public static GroupPlan open(VmManifest manifest, Fd consoleInput, Fd consoleOutput)
      throws IOException {
    return open(manifest, consoleInput, consoleOutput, BackEnds::openBlk);
  }

  /**
   * Opens a plan.
   *
   * @param consoleInput owned by the plan from now on, or null
   * @param consoleOutput owned by the plan from now on
   * @param disks opens the disks
   * @throws IOException naming the device and path, if something cannot be opened; nothing stays
   *     open then
   */
  public static GroupPlan open(
      VmManifest manifest, Fd consoleInput, Fd consoleOutput, DiskOpener disks) throws IOException {
    List<Fd> opened = new ArrayList<>();
    List<DevicePlan> devices = new ArrayList<>();
    opened.add(consoleOutput);
    if (consoleInput != null) {
      opened.add(consoleInput);
    }
    boolean complete = false;
    try {
      Fd kvm = openKvm();
      opened.add(kvm);
      Fd kernel = openKernel(manifest.kernel());
      opened.add(kernel);
      Fd initrd = null;
      if (manifest.initrd().isPresent()) {
        initrd = OpenFile.open(manifest.initrd().get().toString(), OpenFile.O_RDONLY);
        opened.add(initrd);
      }
      BackEnds backEnds = new BackEnds(Duration.ofMillis(manifest.timeouts().startMillis()), disks);
      for (DeviceSpec device : manifest.devices()) {
        devices.add(backEnds.open(device));
      }
      complete = true;
      return new GroupPlan(
          manifest.name(),
          manifest.memoryBytes(),
          manifest.vcpus(),
          manifest.commandLine(),
          kvm,
          kernel,
          initrd,
          consoleInput,
          consoleOutput,
          devices);
    } finally {
      if (!complete) {
        opened.forEach(Fd::close);
        devices.forEach(DevicePlan::close);
      }
    }
  }

  /** Opens /dev/kvm. */
  public static Fd openKvm() throws IOException {
    try {
      return OpenFile.open("/dev/kvm", OpenFile.O_RDWR);
    } catch (ErrnoException e) {
      String advice =
          switch (e.errno()) {
            case Errno.ENOENT ->
                "this host offers no KVM: load the kvm module, or enable virtualisation";
            case Errno.EACCES, Errno.EPERM ->
                "you may not use KVM: join the group that owns /dev/kvm (usually kvm)";
            default -> "run ./vmm-launch doctor";
          };
      // Without the device the host is unsuitable, which is another exit code than a missing input.
      ErrnoException cause =
          e.errno() == Errno.ENOENT ? new ErrnoException("open /dev/kvm", Errno.ENODEV) : e;
      throw new IOException(e.getMessage() + "; " + advice, cause);
    }
  }

  /**
   * Opens one device.
   *
   * @param peerTimeout how long to wait for the peer of a listening stream socket
   */
  public static DevicePlan openDevice(DeviceSpec spec, Duration peerTimeout) throws IOException {
    return new BackEnds(peerTimeout).open(spec);
  }

  /**
   * A disk whose files are open.
   *
   * @param image the disk, or what lies below {@code layers}
   * @param layers overlays, bottom to top
   */
  public static DevicePlan disk(BlkSpec spec, Fd image, List<Fd> layers) {
    return BackEnds.disk(spec, image, layers);
  }

  private static Fd openKernel(KernelImage kernel) throws IOException {
    return switch (kernel) {
      case KernelImage.ElfFile file -> OpenFile.open(file.path().toString(), OpenFile.O_RDONLY);
      case KernelImage.Probe _ -> probeGuest();
    };
  }

  private static Fd probeGuest() throws IOException {
    byte[] elf;
    try (InputStream in = PlanOpener.class.getResourceAsStream(PROBE_GUEST)) {
      if (in == null) {
        throw new IOException("the probe guest is missing in this build");
      }
      elf = in.readAllBytes();
    }
    Fd memfd = MemFd.create("probe-guest", elf.length);
    try (Mapping mapping = Mapping.shared(memfd, 0, elf.length, true)) {
      MemorySegment.copy(elf, 0, mapping.segment(), ValueLayout.JAVA_BYTE, 0, elf.length);
    }
    MemFd.seal(
        memfd, MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SEAL);
    return memfd;
  }
}
