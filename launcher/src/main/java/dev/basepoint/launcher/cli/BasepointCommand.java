package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.api.DaemonPaths;
import dev.basepoint.launcher.basepoint.BasepointCreator;
import dev.basepoint.launcher.basepoint.Basepoints;
import dev.basepoint.launcher.basepoint.CreateListener;
import dev.basepoint.launcher.basepoint.CreatedTemplate;
import dev.basepoint.launcher.basepoint.StateDirectory;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateException;
import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import dev.basepoint.launcher.basepoint.TemplateFailure;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.group.StartFailure;
import dev.basepoint.launcher.group.StopSignals;
import dev.basepoint.launcher.manifest.LoadedManifest;
import dev.basepoint.launcher.manifest.ReadyPoint;
import dev.basepoint.launcher.manifest.VmManifest;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.launcher.output.Progress;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import dev.basepoint.sandbox.jail.Privilege;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.SequencedMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** {@code vmm-launch basepoint}: makes templates and looks after them. */
final class BasepointCommand {
  private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern TENANT = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");

  private final CliContext context;
  private final Terminal terminal;

  BasepointCommand(CliContext context) {
    this.context = context;
    this.terminal = context.terminal();
  }

  int create(Arguments arguments) throws Exception {
    Path file = Path.of(arguments.parameter(Commands.MANIFEST).orElseThrow());
    LoadedManifest loaded = ManifestFile.load(file, context);
    loaded.warnings().forEach(warning -> ManifestProblems.print(warning, terminal));
    VmManifest manifest = withReadyPoint(loaded.vm(), arguments);
    String name = arguments.value(BasepointCommands.NAME).orElse(manifest.name());
    if (!NAME.matcher(name).matches()) {
      throw new CommandException(
          ExitCode.USAGE,
          "--name " + name + ": use lower-case letters, digits and inner dashes, at most 63");
    }
    BasepointCreator.Request request =
        new BasepointCreator.Request(
            manifest,
            name,
            tenant(arguments),
            arguments.has(BasepointCommands.REPLACE),
            Commands.sandbox(arguments));
    return make(arguments, (creator, listener) -> creator.create(request, listener));
  }

  int remake(Arguments arguments) throws CommandException {
    String name = name(arguments);
    String tenant = tenant(arguments);
    SandboxLevel sandbox = Commands.sandbox(arguments);
    return make(arguments, (creator, listener) -> creator.remake(name, tenant, sandbox, listener));
  }

  @FunctionalInterface
  private interface Making {
    CreatedTemplate make(BasepointCreator creator, CreateListener listener) throws IOException;
  }

  private int make(Arguments arguments, Making making) throws CommandException {
    DaemonPaths paths = DaemonAccess.paths(arguments);
    paths.prepare(uid());
    TemplateStore store = TemplateStore.of(paths.state(), Template.Kind.TEMPLATE);
    BasepointCreator creator = new BasepointCreator(Installation.current(), store);
    AtomicReference<Outcome> stopped = new AtomicReference<>(Outcome.INTERRUPTED);
    SequencedMap<String, Object> facts;
    try (Progress progress = new Progress(terminal);
        StopSignals _ =
            StopSignals.install(
                outcome -> {
                  stopped.set(outcome);
                  creator.cancel();
                });
        CreatedTemplate created = making.make(creator, shownOn(progress))) {
      double millis =
          Math.round(System.currentTimeMillis() - context.commandStartEpochMicros() / 1e3);
      facts = new Basepoints(store).created(created, millis);
    } catch (IOException e) {
      if (e instanceof TemplateException refusal && refusal.reason() == Reason.CANCELLED) {
        throw new CommandException(stopped.get().exitCode(), e.getMessage(), e);
      }
      throw TemplateFailure.of(e);
    }
    show(arguments, facts, new BasepointReport(terminal)::created);
    return ExitCode.OK.code();
  }

  private static VmManifest withReadyPoint(VmManifest manifest, Arguments arguments)
      throws CommandException {
    String regex = arguments.value(BasepointCommands.READY_WHEN).orElse("");
    if (regex.isEmpty()) {
      return manifest;
    }
    try {
      Pattern.compile(regex);
    } catch (PatternSyntaxException e) {
      throw new CommandException(
          ExitCode.USAGE,
          "--ready-when is no regular expression: "
              + e.getDescription()
              + "; put a backslash before each of ( ) [ ] { } ? * + . | that is meant as it stands",
          e);
    }
    return manifest.withBasepoint(
        manifest.basepoint().withReady(new ReadyPoint.ConsoleLine(regex)));
  }

  private CreateListener shownOn(Progress progress) {
    return new CreateListener() {
      @Override
      public void step(String text) {
        progress.step(text);
      }

      @Override
      public void warning(String text) {
        progress.clear();
        terminal.err().println(terminal.paintErr(Style.YELLOW, "warning:") + " " + text);
        terminal.err().flush();
      }
    };
  }

  int list(Arguments arguments) throws CommandException {
    SequencedMap<String, Object> facts = ask(arguments, (basepoints, _) -> basepoints.list());
    show(
        arguments,
        facts,
        shown -> new BasepointReport(terminal).list((Collection<?>) shown.get("templates")));
    return ExitCode.OK.code();
  }

  int inspect(Arguments arguments) throws CommandException {
    String name = name(arguments);
    SequencedMap<String, Object> facts =
        ask(arguments, (basepoints, _) -> basepoints.inspect(name));
    show(arguments, facts, new BasepointReport(terminal)::template);
    return ExitCode.OK.code();
  }

  int verify(Arguments arguments) throws CommandException {
    String name = name(arguments);
    SequencedMap<String, Object> facts =
        ask(arguments, (basepoints, progress) -> basepoints.verify(name, progress::step));
    show(arguments, facts, new BasepointReport(terminal)::verified);
    return ExitCode.OK.code();
  }

  int remove(Arguments arguments) throws CommandException {
    String name = name(arguments);
    String tenant = tenant(arguments);
    SequencedMap<String, Object> facts =
        ask(arguments, (basepoints, _) -> basepoints.remove(name, tenant));
    show(arguments, facts, _ -> terminal.out().println("template " + name + " is removed"));
    return ExitCode.OK.code();
  }

  private static String name(Arguments arguments) {
    return arguments.parameter(BasepointCommands.TEMPLATE).orElseThrow();
  }

  @FunctionalInterface
  private interface Question {
    SequencedMap<String, Object> ask(Basepoints basepoints, Progress progress) throws IOException;
  }

  private SequencedMap<String, Object> ask(Arguments arguments, Question question)
      throws CommandException {
    StateDirectory state = DaemonAccess.paths(arguments).state();
    try (Progress progress = new Progress(terminal)) {
      Basepoints basepoints = new Basepoints(TemplateStore.of(state, Template.Kind.TEMPLATE));
      return question.ask(basepoints, progress);
    } catch (IOException e) {
      throw TemplateFailure.of(e);
    }
  }

  @FunctionalInterface
  private interface Report {
    void print(SequencedMap<String, Object> facts);
  }

  private void show(Arguments arguments, SequencedMap<String, Object> facts, Report report) {
    if (Commands.json(arguments)) {
      terminal.out().println(Json.write(facts));
    } else {
      report.print(facts);
    }
  }

  private static String tenant(Arguments arguments) throws CommandException {
    int uid = uid();
    String own = "uid-" + uid;
    String named = arguments.value(DaemonAccess.TENANT).orElse(own);
    if (!named.equals(own) && uid != 0) {
      throw new CommandException(
          ExitCode.PERMISSION_DENIED,
          "user " + uid + " may not act for tenant " + named + "; only root may");
    }
    if (!TENANT.matcher(named).matches()) {
      throw new CommandException(
          ExitCode.USAGE, "--tenant " + named + ": use letters, digits and ._-, at most 63");
    }
    return named;
  }

  private static int uid() throws CommandException {
    try {
      return Privilege.own().uid();
    } catch (IOException e) {
      throw StartFailure.of(e);
    }
  }
}
