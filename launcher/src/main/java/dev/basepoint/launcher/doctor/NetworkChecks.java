package dev.basepoint.launcher.doctor;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.OpenFile;
import java.util.List;

/** Whether interfaces can be connected to the host. */
final class NetworkChecks {
  private static final String AREA = "network";
  private static final int CAP_NET_ADMIN = 12;

  private final HostFiles files;

  NetworkChecks(HostFiles files) {
    this.files = files;
  }

  List<Finding> inspect() {
    return List.of(tap());
  }

  private Finding tap() {
    String feature = "TAP (/dev/net/tun)";
    String advice = "back end tap cannot be used; back ends stream and echo need nothing; ";
    try {
      OpenFile.open(files.path("/dev/net/tun").toString(), OpenFile.O_RDWR).close();
    } catch (ErrnoException e) {
      return switch (e.errno()) {
        case Errno.ENOENT, Errno.ENODEV ->
            Finding.missing(AREA, feature, "not there", advice + "try: modprobe tun");
        default -> Finding.missing(AREA, feature, e.getMessage(), advice + "check its permissions");
      };
    }
    if (!hasNetAdmin()) {
      return Finding.degraded(
          AREA,
          feature,
          "can be opened, but without CAP_NET_ADMIN",
          "TAP devices must exist and belong to you: ip tuntap add NAME mode tap user USER");
    }
    return Finding.ok(AREA, feature, "can be opened, and devices can be made");
  }

  private boolean hasNetAdmin() {
    return files
        .field("/proc/self/status", "CapEff")
        .map(hex -> (Long.parseUnsignedLong(hex, 16) >>> CAP_NET_ADMIN & 1) != 0)
        .orElse(false);
  }
}
