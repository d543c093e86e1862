package dev.basepoint.launcher.cli;

import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Makes commands with what they depend on. */
final class CommandFactory implements IFactory {
  private final CliContext context;
  private final IFactory fallback = CommandLine.defaultFactory();

  CommandFactory(CliContext context) {
    this.context = context;
  }

  @Override
  public <K> K create(Class<K> type) throws Exception {
    Object command =
        switch (type.getSimpleName()) {
          case "DemoCommand" -> new DemoCommand(context);
          case "RunCommand" -> new RunCommand(context);
          case "ValidateCommand" -> new ValidateCommand(context);
          case "VersionCommand" -> new VersionCommand(context);
          case "CompletionCommand" -> new CompletionCommand(context);
          default -> null;
        };
    return command == null ? fallback.create(type) : type.cast(command);
  }
}
