package dev.basepoint.vmm.machine;

import java.util.ArrayList;
import java.util.List;

/**
 * The I/O ports. A port that nobody claims reads as all ones, as on a bus that nobody drives, so a
 * guest that probes for a CMOS clock, a keyboard or PCI finds none.
 */
public final class PortBus {
  static final int OPEN_BUS = -1;

  private record Claim(int firstPort, int portCount, PortDevice device) {}

  private final List<Claim> claims = new ArrayList<>();
  private int[] firstPorts = {};
  private int[] portCounts = {};
  private PortDevice[] devices = {};

  /**
   * Claims ports; only before the machine runs.
   *
   * @throws IllegalArgumentException if they are taken
   */
  public void add(int firstPort, int portCount, PortDevice device) {
    for (Claim claim : claims) {
      if (firstPort < claim.firstPort + claim.portCount
          && claim.firstPort < firstPort + portCount) {
        throw new IllegalArgumentException(
            "port 0x" + Integer.toHexString(firstPort) + " is taken");
      }
    }
    claims.add(new Claim(firstPort, portCount, device));
    firstPorts = claims.stream().mapToInt(Claim::firstPort).toArray();
    portCounts = claims.stream().mapToInt(Claim::portCount).toArray();
    devices = claims.stream().map(Claim::device).toArray(PortDevice[]::new);
  }

  int read(int port, int bytes) {
    int index = find(port);
    return index < 0 ? OPEN_BUS : devices[index].read(port - firstPorts[index], bytes);
  }

  void write(int port, int bytes, int value) {
    int index = find(port);
    if (index >= 0) {
      devices[index].write(port - firstPorts[index], bytes, value);
    }
  }

  /** A scan: there are a handful of claims, the console's first. */
  private int find(int port) {
    for (int i = 0; i < firstPorts.length; i++) {
      int offset = port - firstPorts[i];
      if (offset >= 0 && offset < portCounts[i]) {
        return i;
      }
    }
    return -1;
  }
}
