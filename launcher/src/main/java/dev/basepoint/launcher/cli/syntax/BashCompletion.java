package dev.basepoint.launcher.cli.syntax;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Writes a completion script for bash, which zsh runs through its bashcompinit. The script holds
 * all words, so that a Tab key never starts a JVM.
 */
public final class BashCompletion {
  private final StringBuilder script = new StringBuilder();

  private BashCompletion() {}

  /** The script for {@code program} and everything below it. */
  public static String script(Command program) {
    BashCompletion completion = new BashCompletion();
    completion.write(program);
    return completion.script.toString();
  }

  private void write(Command program) {
    String function = "_" + program.name().replaceAll("[^a-z0-9]", "_");
    line(
        "# Completes "
            + program.name()
            + " in bash and zsh:  source <("
            + program.name()
            + " completion)");
    line("if [ -n \"${ZSH_VERSION-}\" ]; then");
    line("  autoload -U +X compinit && compinit");
    line("  autoload -U +X bashcompinit && bashcompinit");
    line("fi");
    line(function + "() {");
    line("  local word=\"${COMP_WORDS[COMP_CWORD]}\" path='' words='' files='' i");
    line("  for ((i = 1; i < COMP_CWORD; i++)); do");
    line("    case \"$path ${COMP_WORDS[i]}\" in");
    cases(program, "");
    line("    esac");
    line("  done");
    line("  case \"$path\" in");
    offers(program, "");
    line("  esac");
    line("  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))");
    line("  if [[ -n $files && $word != -* ]]; then");
    line("    COMPREPLY+=($(compgen -f -- \"$word\"))");
    line("  fi");
    line("}");
    line("complete -o filenames -F " + function + " " + program.name());
  }

  private void cases(Command command, String path) {
    for (Command child : command.subcommands()) {
      String childPath = path + " " + child.name();
      line("      \"" + childPath + "\") path=\"" + childPath + "\" ;;");
      cases(child, childPath);
    }
  }

  private void offers(Command command, String path) {
    List<String> words = new ArrayList<>();
    command.subcommands().forEach(child -> words.add(child.name()));
    command.options().forEach(option -> words.addAll(option.names()));
    boolean files = command.parameters().stream().anyMatch(p -> p.kind() == Parameter.Kind.FILE);
    line(
        String.format(
            Locale.ROOT,
            "    \"%s\") words=\"%s\" files=%s ;;",
            path,
            String.join(" ", words),
            files ? "yes" : ""));
    command.subcommands().forEach(child -> offers(child, path + " " + child.name()));
  }

  private void line(String text) {
    script.append(text).append('\n');
  }
}
