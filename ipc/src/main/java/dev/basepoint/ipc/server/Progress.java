package dev.basepoint.ipc.server;

/** Why a device stopped serving a queue. */
public enum Progress {
  /** No chain is left: the frame asks for kicks again. */
  EMPTY,

  /** The bound on one call was reached: the frame calls again after it has looked at the rest. */
  MORE,

  /**
   * Chains may be left, but the back end cannot take or give anything now. The frame asks for no
   * kicks; the device calls {@link QueuePort#resume} when the back end can go on.
   */
  BLOCKED
}
