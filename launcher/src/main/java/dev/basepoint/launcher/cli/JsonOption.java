package dev.basepoint.launcher.cli;

import picocli.CommandLine.Option;

/** {@code --json}, in every command that prints facts. */
final class JsonOption {
  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  boolean isSet() {
    return json;
  }
}
