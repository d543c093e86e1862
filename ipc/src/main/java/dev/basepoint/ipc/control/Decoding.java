package dev.basepoint.ipc.control;

import com.google.protobuf.InvalidProtocolBufferException;
import java.util.regex.Pattern;

/** The common part of every decoder: whatever goes wrong closes the frame's descriptors. */
final class Decoding {
  private static final Pattern STEERING = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");

  /** Turns a frame's payload and descriptors into a message. */
  interface Decoder<T> {
    T decode(byte[] payload, FdCursor fds) throws ProtocolException, InvalidProtocolBufferException;
  }

  private Decoding() {}

  static <T> T decode(Frame frame, Decoder<T> decoder) throws ProtocolException {
    boolean taken = false;
    try {
      FdCursor fds = new FdCursor(frame.fds());
      T message = decoder.decode(frame.payload(), fds);
      fds.requireEnd();
      taken = true;
      return message;
    } catch (InvalidProtocolBufferException e) {
      throw new ProtocolException("message cannot be parsed", e);
    } catch (IllegalArgumentException e) {
      throw new ProtocolException("message is invalid: " + e.getMessage(), e);
    } finally {
      if (!taken) {
        frame.discard();
      }
    }
  }

  /**
   * A peer's text, shortened and without what steers a terminal (C0 and C1 controls), hides or
   * reorders text (format characters) or breaks a line; fit for a terminal or a log.
   */
  static String text(String untrusted) {
    String clean = STEERING.matcher(untrusted).replaceAll("?");
    return clean.length() <= 512 ? clean : clean.substring(0, 512) + "...";
  }
}
