package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Errno;
import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ExitCode;
import dev.basepoint.launcher.cli.ReportFilter;
import dev.basepoint.launcher.cli.RunObserver;
import dev.basepoint.launcher.cli.RunRequest;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.cli.VmRunner;
import dev.basepoint.launcher.manifest.ConsoleTarget;
import dev.basepoint.launcher.manifest.VmManifest;
import dev.basepoint.sandbox.jail.JailException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;

/** Runs one VM in the launcher's own process, without a daemon. */
public final class GroupRunner implements VmRunner {
  private final Installation installation;

  public GroupRunner(Installation installation) {
    this.installation = installation;
  }

  @Override
  public RunResult run(RunRequest request, RunObserver observer) throws CommandException {
    Timeline timeline = Timeline.since(request.commandStartEpochMicros());
    timeline.mark("launcher", "manifest-read");
    try (OutputStream consoleTarget = consoleTarget(request)) {
      return run(request, observer, timeline, consoleTarget);
    } catch (JailException e) {
      throw new CommandException(ExitCode.HOST_UNSUITABLE, e.getMessage(), e);
    } catch (ErrnoException e) {
      throw new CommandException(exitCode(e.errno()), e.getMessage(), e);
    } catch (IOException e) {
      ErrnoException cause = e.getCause() instanceof ErrnoException errno ? errno : null;
      ExitCode code = cause == null ? ExitCode.SYSTEM_ERROR : exitCode(cause.errno());
      throw new CommandException(code, e.getMessage(), e);
    }
  }

  private static ExitCode exitCode(int errno) {
    return switch (errno) {
      case Errno.EACCES, Errno.EPERM -> ExitCode.PERMISSION_DENIED;
      case Errno.ENOENT -> ExitCode.INPUT_MISSING;
      case Errno.ENODEV, Errno.ENXIO -> ExitCode.HOST_UNSUITABLE;
      default -> ExitCode.SYSTEM_ERROR;
    };
  }

  private RunResult run(
      RunRequest request, RunObserver observer, Timeline timeline, OutputStream consoleTarget)
      throws IOException {
    VmManifest manifest = request.vm();
    boolean interactive = manifest.console() instanceof ConsoleTarget.Stdio;
    try (GuestConsole console = GuestConsole.create(interactive);
        GroupPlan plan = PlanOpener.open(manifest, console.guestInput(), console.guestOutput());
        Vm vm =
            new Vm(
                manifest, installation, request.sandbox(), console, timeline, shownTo(observer));
        StopSignals _ = StopSignals.install(vm::requestStop)) {
      timeline.mark("launcher", "opened");
      console.relayOutput(
          (bytes, count) -> {
            observer.guestRuns();
            consoleTarget.write(bytes, 0, count);
            consoleTarget.flush();
          });
      if (interactive) {
        console.relayInput(System.in);
      }
      vm.boot(plan);
      return vm.await();
    }
  }

  private static VmListener shownTo(RunObserver observer) {
    return new VmListener() {
      @Override
      public void onStep(String text) {
        observer.step(text);
      }

      @Override
      public void onWarning(String text) {
        observer.warning(text);
      }
    };
  }

  private static OutputStream consoleTarget(RunRequest request) throws IOException {
    return switch (request.vm().console()) {
      case ConsoleTarget.Stdio _ -> {
        OutputStream standard =
            unclosed(request.guestOutputToStdout() ? FileDescriptor.out : FileDescriptor.err);
        yield request.showsReports() ? standard : new ReportFilter(standard);
      }
      case ConsoleTarget.LogFile file ->
          Files.newOutputStream(file.path(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      case ConsoleTarget.None _ -> OutputStream.nullOutputStream();
    };
  }

  /** Writes to a standard stream, which outlives the run. */
  private static OutputStream unclosed(FileDescriptor standard) {
    return new FilterOutputStream(new FileOutputStream(standard)) {
      @Override
      public void write(byte[] bytes, int offset, int count) throws IOException {
        out.write(bytes, offset, count);
      }

      @Override
      public void close() throws IOException {
        flush();
      }
    };
  }
}
