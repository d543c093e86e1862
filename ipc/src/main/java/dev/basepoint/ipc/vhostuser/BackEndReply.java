package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;

/** What a back end answers. */
public sealed interface BackEndReply {
  /** A number: feature bits, a count; or, as an acknowledgement, 0 for success. */
  record Value(long value) implements BackEndReply {}

  /** How far a ring had come when it stopped. */
  record VringBase(int index, int base) implements BackEndReply {}

  /** Bytes of the configuration space; none if the request made no sense. */
  record Config(int offset, byte[] data) implements BackEndReply {}

  /** Memory for requests in flight; {@code memory} belongs to whoever holds the reply. */
  record Inflight(long sizeBytes, long mmapOffset, int queueCount, int queueSize, Fd memory)
      implements BackEndReply {}
}
