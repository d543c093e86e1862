package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.Problem;
import dev.basepoint.launcher.output.Style;
import dev.basepoint.launcher.output.Terminal;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** Shows manifest problems to people and programs. */
final class ManifestProblems {
  private ManifestProblems() {}

  static void print(Problem problem, Terminal terminal) {
    Style style = problem.severity() == Problem.Severity.ERROR ? Style.RED : Style.YELLOW;
    String line = problem.toString();
    String place = problem.file() + ":" + problem.line() + ":" + problem.column() + ":";
    terminal.err().println(terminal.paintErr(style, place) + line.substring(place.length()));
  }

  static SequencedMap<String, Object> toJson(Problem problem) {
    SequencedMap<String, Object> json = new LinkedHashMap<>();
    json.put("severity", problem.severity() == Problem.Severity.ERROR ? "error" : "warning");
    json.put("file", problem.file());
    json.put("line", problem.line());
    json.put("column", problem.column());
    json.put("key", problem.key());
    json.put("message", problem.message());
    json.put("hint", problem.hint());
    return json;
  }
}
