package dev.basepoint.vmm.virtio.channel;

import java.time.Duration;

/**
 * How long a device server may take.
 *
 * @param request to answer a request on its channel
 * @param idle between two signs of life when nothing else is said
 * @param completion to complete at least one request, for devices whose requests end by themselves
 * @param replacement for somebody to replace a failed server; zero if nobody will, the driver is
 *     then told at once
 */
public record Deadlines(
    Duration request, Duration idle, Duration completion, Duration replacement) {
  /** For production. */
  public static final Deadlines DEFAULT =
      new Deadlines(
          Duration.ofSeconds(5), Duration.ofSeconds(2), Duration.ofSeconds(30), Duration.ZERO);

  /** The same, with another time for a replacement. */
  public Deadlines withReplacement(Duration other) {
    return new Deadlines(request, idle, completion, other);
  }

  /** To halt: the server first finishes the requests that it has begun. */
  Duration halt() {
    return request.plus(completion);
  }
}
