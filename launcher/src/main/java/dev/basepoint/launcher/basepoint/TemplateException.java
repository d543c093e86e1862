package dev.basepoint.launcher.basepoint;

import java.io.IOException;
import java.util.Locale;

/** A template that cannot be made, used or removed: why, and what to do about it. */
public final class TemplateException extends IOException {
  /** Kinds of refusal; a caller may have to act differently on each. */
  public enum Reason {
    /** No template has the name. */
    UNKNOWN,
    /** A template has the name already. */
    NAME_TAKEN,
    /** Somebody else is making a template of this name. */
    BUSY,
    /** The template belongs to somebody else. */
    OTHER_TENANT,
    /** Bytes differ from what was stored, or files are missing or too many. */
    DAMAGED,
    /** Made for another CPU or another machine. */
    FOREIGN,
    /** Made by a newer version of this program. */
    NEWER,
    /** A base disk is not what it was when the template was made. */
    BASE_CHANGED,
    /** As many forks as allowed were made of it, or it is too old. */
    EXHAUSTED,
    /** The disk is full. */
    STORAGE_FULL,
    /** The VM has a device or a disk that cannot be captured. */
    NOT_CAPTURABLE,
    /** The guest did not reach its ready point. */
    NOT_READY,
    /** Somebody asked to stop. */
    CANCELLED;

    /** The reason's word in JSON. */
    public String key() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private final Reason reason;

  /**
   * @param message one sentence that names the template and says what to do next
   */
  public TemplateException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /** As above, with the failure that caused it. */
  public TemplateException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /** Why. */
  public Reason reason() {
    return reason;
  }
}
