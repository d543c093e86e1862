package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.ProtocolException;
import dev.basepoint.ipc.control.RequestFailedException;
import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.sandbox.jail.JailException;
import java.io.IOException;

/** Says what a VM's failure to start means for the command that started it. */
public final class StartFailure {
  private StartFailure() {}

  /** The failure with its exit code. */
  public static CommandException of(IOException failure) {
    return new CommandException(exitCode(failure), failure.getMessage(), failure);
  }

  private static ExitCode exitCode(IOException failure) {
    return switch (failure) {
      case JailException _ -> ExitCode.HOST_UNSUITABLE;
      case ErrnoException e -> exitCode(e.errno());
      case ChannelClosedException _, ProtocolException _ -> ExitCode.PROCESS_DIED;
      case RequestFailedException e when e.code() == RequestFailedException.Code.DEADLINE ->
          ExitCode.TIMED_OUT;
      default ->
          failure.getCause() instanceof ErrnoException cause
              ? exitCode(cause.errno())
              : ExitCode.SYSTEM_ERROR;
    };
  }

  private static ExitCode exitCode(int errno) {
    return switch (errno) {
      case Errno.EACCES, Errno.EPERM -> ExitCode.PERMISSION_DENIED;
      case Errno.ENOENT -> ExitCode.INPUT_MISSING;
      case Errno.ENODEV, Errno.ENXIO -> ExitCode.HOST_UNSUITABLE;
      default -> ExitCode.SYSTEM_ERROR;
    };
  }
}
