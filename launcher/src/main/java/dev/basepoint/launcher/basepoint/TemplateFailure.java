package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.group.StartFailure;
import java.io.IOException;

/** Says what a refusal means for the command that met it. */
public final class TemplateFailure {
  private TemplateFailure() {}

  /** The failure with its exit code. */
  public static CommandException of(IOException failure) {
    return failure instanceof TemplateException refusal
        ? new CommandException(exitCode(refusal.reason()), refusal.getMessage(), refusal)
        : StartFailure.of(failure);
  }

  private static ExitCode exitCode(TemplateException.Reason reason) {
    return switch (reason) {
      case UNKNOWN -> ExitCode.NOT_FOUND;
      case NAME_TAKEN -> ExitCode.NAME_TAKEN;
      case BUSY -> ExitCode.WRONG_STATE;
      case OTHER_TENANT -> ExitCode.PERMISSION_DENIED;
      case DAMAGED -> ExitCode.TEMPLATE_DAMAGED;
      case FOREIGN, NEWER, BASE_CHANGED -> ExitCode.TEMPLATE_UNFIT;
      case EXHAUSTED -> ExitCode.LIMIT_REACHED;
      case STORAGE_FULL -> ExitCode.STORAGE_FULL;
      case NOT_CAPTURABLE -> ExitCode.NOT_CAPTURABLE;
      case NOT_READY -> ExitCode.TIMED_OUT;
      case CANCELLED -> ExitCode.INTERRUPTED;
    };
  }
}
