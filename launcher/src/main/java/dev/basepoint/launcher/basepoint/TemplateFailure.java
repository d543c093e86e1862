package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;

/** Says what the refusal of a template means for the command that wanted it. */
public final class TemplateFailure {
  private TemplateFailure() {}

  /** The refusal with its exit code. */
  public static CommandException of(TemplateException refusal) {
    ExitCode code =
        switch (refusal.reason()) {
          case UNKNOWN -> ExitCode.NOT_FOUND;
          case NAME_TAKEN -> ExitCode.NAME_TAKEN;
          case BUSY -> ExitCode.WRONG_STATE;
          case OTHER_TENANT -> ExitCode.PERMISSION_DENIED;
          case DAMAGED, NEWER, BASE_CHANGED, NOT_CAPTURABLE -> ExitCode.INPUT_INVALID;
          case FOREIGN -> ExitCode.HOST_UNSUITABLE;
          case EXHAUSTED -> ExitCode.LIMIT_REACHED;
          case STORAGE_FULL -> ExitCode.SYSTEM_ERROR;
          case NOT_READY -> ExitCode.TIMED_OUT;
        };
    return new CommandException(code, refusal.getMessage(), refusal);
  }
}
