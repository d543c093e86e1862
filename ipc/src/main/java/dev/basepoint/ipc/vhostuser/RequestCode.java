package dev.basepoint.ipc.vhostuser;

import java.util.Optional;

/** Numbers of the front end's requests, {@code VHOST_USER_} in the protocol's document. */
public enum RequestCode {
  GET_FEATURES(1),
  SET_FEATURES(2),
  SET_OWNER(3),
  RESET_OWNER(4),
  SET_MEM_TABLE(5),
  SET_LOG_BASE(6),
  SET_LOG_FD(7),
  SET_VRING_NUM(8),
  SET_VRING_ADDR(9),
  SET_VRING_BASE(10),
  GET_VRING_BASE(11),
  SET_VRING_KICK(12),
  SET_VRING_CALL(13),
  SET_VRING_ERR(14),
  GET_PROTOCOL_FEATURES(15),
  SET_PROTOCOL_FEATURES(16),
  GET_QUEUE_NUM(17),
  SET_VRING_ENABLE(18),
  SET_BACKEND_REQ_FD(21),
  GET_CONFIG(24),
  SET_CONFIG(25),
  GET_INFLIGHT_FD(31),
  SET_INFLIGHT_FD(32),
  RESET_DEVICE(34),
  GET_MAX_MEM_SLOTS(36),
  ADD_MEM_REG(37),
  REM_MEM_REG(38);

  private static final RequestCode[] BY_NUMBER = new RequestCode[39];

  static {
    for (RequestCode code : values()) {
      BY_NUMBER[code.number] = code;
    }
  }

  private final int number;

  RequestCode(int number) {
    this.number = number;
  }

  /** The number on the wire. */
  public int number() {
    return number;
  }

  /** The code with {@code number}; empty if it is none that this project speaks. */
  public static Optional<RequestCode> of(int number) {
    return number > 0 && number < BY_NUMBER.length
        ? Optional.ofNullable(BY_NUMBER[number])
        : Optional.empty();
  }

  /** Whether a reply follows in any case, not only when it was asked for. */
  public boolean alwaysReplied() {
    return switch (this) {
      case GET_FEATURES,
          GET_VRING_BASE,
          GET_PROTOCOL_FEATURES,
          GET_QUEUE_NUM,
          GET_CONFIG,
          GET_INFLIGHT_FD,
          GET_MAX_MEM_SLOTS ->
          true;
      default -> false;
    };
  }
}
