package dev.basepoint.sandbox.policy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One statement of a policy file: {@code keyword words... -- reason}. A line that starts with white
 * space continues the statement above it; {@code #} starts a comment line.
 */
record Statement(SourceLine where, String keyword, List<String> words, String reason) {
  private static final String SEPARATOR = " -- ";

  /** Splits {@code text} into statements. */
  static List<Statement> split(String file, String text) throws PolicyException {
    List<Statement> statements = new ArrayList<>();
    StringBuilder open = new StringBuilder();
    int openLine = 0;
    int number = 0;
    for (String line : text.lines().toList()) {
      number++;
      if (line.isBlank() || line.stripLeading().startsWith("#")) {
        continue;
      }
      boolean continues = Character.isWhitespace(line.charAt(0));
      if (continues && openLine == 0) {
        throw new PolicyException(
            new SourceLine(file, number), "an indented line continues a statement; there is none");
      }
      if (continues) {
        open.append(' ').append(line.strip());
      } else {
        if (openLine != 0) {
          statements.add(of(new SourceLine(file, openLine), open.toString()));
        }
        open.setLength(0);
        open.append(line.strip());
        openLine = number;
      }
    }
    if (openLine != 0) {
      statements.add(of(new SourceLine(file, openLine), open.toString()));
    }
    return statements;
  }

  private static Statement of(SourceLine where, String text) throws PolicyException {
    int separator = text.indexOf(SEPARATOR);
    if (separator < 0) {
      throw new PolicyException(where, "the reason is missing; end the statement with '-- WHY'");
    }
    List<String> words = Arrays.asList(text.substring(0, separator).strip().split("\\s+"));
    return new Statement(
        where,
        words.getFirst(),
        List.copyOf(words.subList(1, words.size())),
        text.substring(separator + SEPARATOR.length()).strip());
  }

  PolicyException error(String message) {
    return new PolicyException(where, message);
  }

  /** Demands {@code count} words after the keyword. */
  void expectWords(int count, String usage) throws PolicyException {
    if (words.size() != count) {
      throw error("write it as '" + usage + " -- WHY'");
    }
  }

  /** Whether the last of more than two words is {@code word}. */
  boolean endsIn(String word) {
    return words.size() > 2 && words.getLast().equals(word);
  }

  /** The statement without its last word. */
  Statement withoutLast() {
    return new Statement(where, keyword, words.subList(0, words.size() - 1), reason);
  }
}
