package dev.basepoint.launcher.group;

import dev.basepoint.launcher.cli.CommandException;
import dev.basepoint.launcher.cli.ReportFilter;
import dev.basepoint.launcher.cli.RunObserver;
import dev.basepoint.launcher.cli.RunRequest;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.cli.VmRunner;
import dev.basepoint.launcher.manifest.ConsoleTarget;
import dev.basepoint.launcher.manifest.VmManifest;
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
    } catch (IOException e) {
      throw StartFailure.of(e);
    }
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
