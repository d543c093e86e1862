package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.cli.syntax.Arguments;
import dev.basepoint.launcher.cli.syntax.Command;
import dev.basepoint.launcher.cli.syntax.Option;
import dev.basepoint.launcher.cli.syntax.Parameter;
import dev.basepoint.launcher.manifest.Nearest;
import dev.basepoint.launcher.output.Json;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyException;
import dev.basepoint.sandbox.policy.PolicyParser;
import dev.basepoint.sandbox.policy.Role;
import dev.basepoint.sandbox.policy.SyscallTable;
import dev.basepoint.sandbox.report.PolicyChecker;
import dev.basepoint.sandbox.report.PolicyExplainer;
import dev.basepoint.sandbox.report.PolicyPrinter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** {@code vmm-launch sandbox}: what each process role may do, and whether its policy is sound. */
final class SandboxCommand {
  private static final String ROLE = "ROLE";
  private static final String SYSCALL = "SYSCALL";

  private static final Option FILE =
      Option.valued("--file", "POLICY", "Check this policy file instead of the built-in ones.");

  private final CliContext context;

  private SandboxCommand(CliContext context) {
    this.context = context;
  }

  static Command command(CliContext context) {
    SandboxCommand sandbox = new SandboxCommand(context);
    return new Command(
        "sandbox",
        "Show, explain and check what each process role may do.",
        List.of(),
        List.of(),
        List.of("vmm-launch sandbox show blk", "vmm-launch sandbox check"),
        List.of(
            new Command(
                "show",
                "Show a role's policy, fragments merged, each statement with its reason.",
                List.of(Commands.JSON),
                List.of(role(true)),
                List.of(
                    "vmm-launch sandbox show vmm-main",
                    "vmm-launch sandbox show blk --json | jq '.syscalls[].syscall'"),
                List.of(),
                sandbox::show),
            new Command(
                "explain",
                "Say whether a role may make a system call, with which arguments and why.",
                List.of(Commands.JSON),
                List.of(
                    role(true),
                    new Parameter(
                        SYSCALL,
                        "Name of an x86-64 system call, for example openat.",
                        true,
                        Parameter.Kind.WORD)),
                List.of(
                    "vmm-launch sandbox explain net openat",
                    "vmm-launch sandbox explain blk mmap --json | jq .permitted"),
                List.of(),
                sandbox::explain),
            new Command(
                "check",
                "Replay every rule through its filter with permitted and forbidden arguments, and"
                    + " find redundant rules.",
                List.of(Commands.JSON, FILE),
                List.of(role(false)),
                List.of(
                    "vmm-launch sandbox check",
                    "vmm-launch sandbox check rng --json | jq .clean",
                    "vmm-launch sandbox check --file blk.policy"),
                List.of(),
                sandbox::check)),
        null);
  }

  private static Parameter role(boolean required) {
    String end = required ? "." : "; all of them if not given.";
    return new Parameter(ROLE, "One of " + Role.ids() + end, required, Parameter.Kind.WORD);
  }

  private int show(Arguments arguments) throws CommandException {
    Policy policy = PolicyParser.shipped(role(arguments.parameter(ROLE).orElseThrow()));
    if (Commands.json(arguments)) {
      context.terminal().out().println(Json.write(PolicyPrinter.model(policy)));
    } else {
      context.terminal().out().print(PolicyPrinter.text(policy));
    }
    return ExitCode.OK.code();
  }

  private int explain(Arguments arguments) throws CommandException {
    Policy policy = PolicyParser.shipped(role(arguments.parameter(ROLE).orElseThrow()));
    String syscall = arguments.parameter(SYSCALL).orElseThrow();
    PolicyExplainer.Explanation explanation =
        PolicyExplainer.explain(policy, syscall).orElseThrow(() -> unknownSyscall(syscall));
    if (Commands.json(arguments)) {
      SequencedMap<String, Object> json = new LinkedHashMap<>();
      json.put("role", explanation.role());
      json.put("syscall", explanation.syscall());
      json.put("permitted", explanation.permitted());
      json.put("rules", rules(policy, explanation.syscall()));
      context.terminal().out().println(Json.write(json));
    } else {
      explanation.lines().forEach(context.terminal().out()::println);
    }
    return ExitCode.OK.code();
  }

  private static List<Map<String, Object>> rules(Policy policy, String syscall) {
    return policy.rules().stream()
        .filter(rule -> rule.syscall().name().equals(syscall))
        .map(PolicyPrinter::model)
        .toList();
  }

  private int check(Arguments arguments) throws CommandException {
    Optional<String> file = arguments.value(FILE);
    Optional<String> role = arguments.parameter(ROLE);
    if (file.isPresent() && role.isPresent()) {
      throw new CommandException(
          ExitCode.USAGE,
          "--file takes the role from the file's first line; leave out " + role.get());
    }
    SandboxCheckReport report = new SandboxCheckReport(context.terminal(), arguments);
    List<Policy> policies;
    try {
      policies =
          file.isPresent()
              ? List.of(PolicyFile.load(Path.of(file.get())))
              : roles(role).stream().map(PolicyParser::shipped).toList();
    } catch (PolicyException e) {
      report.refused(file.orElseThrow(), e);
      return ExitCode.INPUT_INVALID.code();
    }
    List<PolicyChecker.Report> reports = policies.stream().map(PolicyChecker::check).toList();
    report.checked(reports);
    boolean clean = reports.stream().allMatch(PolicyChecker.Report::clean);
    return (clean ? ExitCode.OK : ExitCode.INPUT_INVALID).code();
  }

  private static List<Role> roles(Optional<String> one) throws CommandException {
    return one.isPresent() ? List.of(role(one.get())) : List.of(Role.values());
  }

  private static Role role(String name) throws CommandException {
    List<String> ids = Arrays.stream(Role.values()).map(Role::id).toList();
    return Role.byId(name)
        .orElseThrow(
            () ->
                new CommandException(
                    ExitCode.USAGE,
                    "unknown role "
                        + name
                        + Nearest.choice(name, ids)
                            .map(near -> "; did you mean " + near + "?")
                            .orElse("; there are: " + Role.ids())));
  }

  private static CommandException unknownSyscall(String name) {
    return new CommandException(
        ExitCode.USAGE,
        "x86-64 has no system call "
            + name
            + SyscallTable.x86_64()
                .nearest(name)
                .map(near -> "; did you mean " + near + "?")
                .orElse("; 'man 2 syscalls' lists them"));
  }
}
