package dev.basepoint.launcher.manifest;

import java.nio.file.Path;
import java.util.Optional;

/** What a network interface is connected to. */
public sealed interface NetBackend {
  /**
   * A TAP device of the host.
   *
   * @param device interface name, at most 15 characters
   * @param netns network namespace that has the device: a name in /run/netns or an absolute path;
   *     empty for the launcher's own
   */
  record Tap(String device, Optional<String> netns) implements NetBackend {}

  /**
   * A Unix stream socket that carries each packet behind its 32-bit big-endian length, as QEMU's
   * {@code -netdev stream} and passt do.
   *
   * @param socket absolute path
   * @param listen the launcher makes the socket and waits for the peer, instead of connecting to it
   */
  record Stream(Path socket, boolean listen) implements NetBackend {}

  /** A built-in peer that answers ARP, ICMP echo and UDP echo; nothing leaves the host. */
  record Echo() implements NetBackend {}

  /** Nothing: the link is down and transmitted packets are counted as dropped. */
  record None() implements NetBackend {}
}
