package dev.basepoint.ipc.control;

import java.io.IOException;

/** The peer answered a request with a failure, or not before its deadline. */
public final class RequestFailedException extends IOException {
  /** A failure's kind. */
  public enum Code {
    /** The peer could not do it: its own message says why. */
    FAILED(0),
    /** The request does not fit the peer's state. */
    OUT_OF_ORDER(1),
    /** The request's content is invalid. */
    INVALID(2),
    /** The peer does not know the request. */
    UNKNOWN(3),
    /** No answer came in time. */
    DEADLINE(4);

    private final int wireNumber;

    Code(int wireNumber) {
      this.wireNumber = wireNumber;
    }

    int wireNumber() {
      return wireNumber;
    }

    /** The code on the wire as {@code number}, or FAILED for one of a newer peer. */
    static Code of(int number) {
      for (Code code : values()) {
        if (code.wireNumber == number) {
          return code;
        }
      }
      return FAILED;
    }
  }

  private final Code code;

  public RequestFailedException(Code code, String message) {
    super(message);
    this.code = code;
  }

  public Code code() {
    return code;
  }
}
