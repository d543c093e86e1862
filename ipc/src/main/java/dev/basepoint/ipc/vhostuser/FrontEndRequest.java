package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;
import java.util.List;

/**
 * What a front end asks of a back end. Numbers are as received: a decoded request is well-formed,
 * not sensible. Descriptors belong to whoever holds the request.
 */
public sealed interface FrontEndRequest {
  /** Asks for the device's feature bits. */
  record GetFeatures() implements FrontEndRequest {}

  /** Sets the negotiated feature bits. */
  record SetFeatures(long features) implements FrontEndRequest {}

  /** Says that the sender drives the device. */
  record SetOwner() implements FrontEndRequest {}

  /** Gives the device up; out of use, and understood as a stop of all rings. */
  record ResetOwner() implements FrontEndRequest {}

  /** Shares memory, in place of all that was shared before. */
  record SetMemTable(List<SharedRegion> regions) implements FrontEndRequest {
    public SetMemTable {
      regions = List.copyOf(regions);
    }
  }

  /** Sets a ring's size. */
  record SetVringNum(int index, int num) implements FrontEndRequest {}

  /** Places a ring, by the front end's own addresses. */
  record SetVringAddr(
      int index, int flags, long descUser, long usedUser, long availUser, long logGpa)
      implements FrontEndRequest {}

  /** Sets where in the available ring to go on. */
  record SetVringBase(int index, int base) implements FrontEndRequest {}

  /** Stops a ring and asks how far it has come. */
  record GetVringBase(int index) implements FrontEndRequest {}

  /** Starts a ring; {@code kick} is null if there is none and the ring would have to be polled. */
  record SetVringKick(int index, Fd kick) implements FrontEndRequest {}

  /** Sets what to signal for used buffers; null for nothing. */
  record SetVringCall(int index, Fd call) implements FrontEndRequest {}

  /** Sets what to signal if the ring breaks; null for nothing. */
  record SetVringErr(int index, Fd err) implements FrontEndRequest {}

  /** Asks for {@link ProtocolFeatures}. */
  record GetProtocolFeatures() implements FrontEndRequest {}

  /** Sets the negotiated {@link ProtocolFeatures}. */
  record SetProtocolFeatures(long features) implements FrontEndRequest {}

  /** Asks for the number of queues. */
  record GetQueueNum() implements FrontEndRequest {}

  /** Lets a ring be served or rest. */
  record SetVringEnable(int index, boolean enabled) implements FrontEndRequest {}

  /** Hands over the socket for requests of the back end. */
  record SetBackendReqFd(Fd socket) implements FrontEndRequest {}

  /** Asks for a part of the configuration space. */
  record GetConfig(int offset, int sizeBytes) implements FrontEndRequest {}

  /**
   * Writes to the configuration space.
   *
   * @param migration the bytes come from another back end and not from the driver
   */
  record SetConfig(int offset, boolean migration, byte[] data) implements FrontEndRequest {}

  /** Asks for memory that tracks requests in flight. */
  record GetInflightFd(int queueCount, int queueSize) implements FrontEndRequest {}

  /** Hands that memory over, that of an earlier back end perhaps. */
  record SetInflightFd(long sizeBytes, long mmapOffset, int queueCount, int queueSize, Fd memory)
      implements FrontEndRequest {}

  /** Resets the device. */
  record ResetDevice() implements FrontEndRequest {}

  /** Asks how many memory regions there can be. */
  record GetMaxMemSlots() implements FrontEndRequest {}

  /** Shares one more memory region. */
  record AddMemReg(SharedRegion region) implements FrontEndRequest {}

  /** Takes a memory region back, named by its addresses and size. */
  record RemMemReg(SharedRegion region) implements FrontEndRequest {}

  /**
   * A request that this project does not speak.
   *
   * @param number its code on the wire
   */
  record Unsupported(int number) implements FrontEndRequest {}
}
