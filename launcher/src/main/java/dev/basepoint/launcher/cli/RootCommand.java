package dev.basepoint.launcher.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code vmm-launch} without a command. */
@Command(
    name = "vmm-launch",
    description = {
      "",
      "Runs virtual machines on KVM in which the core and every virtio device are processes of"
          + " their own.",
      ""
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%n@|bold Commands|@%n",
    optionListHeading = "%n@|bold Options|@%n",
    exitCodeListHeading = "%n@|bold Exit codes|@%n",
    footerHeading = "%n@|bold Examples|@%n",
    footer = {
      "  vmm-launch demo                       see a VM with three devices at work",
      "  vmm-launch validate my-vm.yaml        check a manifest",
      "  vmm-launch run my-vm.yaml --json      run it and print the facts as JSON",
      "  source <(vmm-launch completion)       complete commands with the Tab key"
    },
    subcommands = {
      DemoCommand.class,
      RunCommand.class,
      ValidateCommand.class,
      VersionCommand.class,
      CompletionCommand.class,
      HelpCommand.class
    })
final class RootCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "A command is missing.");
  }
}
