package dev.basepoint.device.net;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.IovecArray;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** What carries a device's packets. Belongs to the queue thread; nothing here blocks. */
interface PacketBackEnd extends AutoCloseable {
  /** The longest frame: 64 KiB of TCP segment with its Ethernet header and VLAN tag. */
  int FRAME_BYTES_MAX = 65535 + 14 + 4;

  /** {@link #receive}: nothing has arrived. */
  int NOTHING = 0;

  /** {@link #receive}: the peer is gone for good; nothing but {@link #close} may follow. */
  int GONE = -1;

  /** {@link #receive}: something arrived that is no packet; it was consumed. */
  int MALFORMED = -2;

  /** What became of a packet. */
  enum Sent {
    TAKEN,
    /** Nothing of it was taken; {@link #fd} becomes writable when it can be. */
    LATER,
    /** The back end refused it for good. */
    DROPPED
  }

  /** The descriptor to watch, or null if packets come without one. */
  Fd fd();

  /** Feature bits that the back end adds to {@link NetFeatures#ALWAYS}. */
  long features();

  /**
   * Adapts to what the driver negotiated.
   *
   * @throws IOException if the back end refuses it
   */
  void negotiated(long features) throws IOException;

  /**
   * Takes the next packet.
   *
   * @param frame gets a virtio-net header and the packet
   * @return the bytes of both, or NOTHING, GONE or MALFORMED
   */
  int receive(MemorySegment frame);

  /**
   * Sends a packet.
   *
   * @param header the driver's virtio-net header, checked, {@link VirtioNetHeader#BYTES} long
   * @param packet the packet without header, 1 byte to {@link #FRAME_BYTES_MAX}
   */
  Sent send(MemorySegment header, IovecArray packet);

  /** Goes on with what {@link #send} took but could not pass on at once; true if all is done. */
  default boolean flushPending() {
    return true;
  }

  @Override
  void close();
}
