import com.google.googlejavaformat.java.Formatter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Formats the project's Java sources, or with --check only says which need it. */
public final class Format {
  private Format() {}

  public static void main(String[] args) throws Exception {
    boolean check = args.length > 0 && args[0].equals("--check");
    Formatter formatter = new Formatter();
    int changed = 0;
    for (Path file : sources()) {
      String source = Files.readString(file);
      String formatted = formatter.formatSourceAndFixImports(source);
      if (!formatted.equals(source)) {
        changed++;
        System.err.println((check ? "not formatted: " : "formatted: ") + file);
        if (!check) {
          Files.writeString(file, formatted);
        }
      }
    }
    if (check && changed > 0) {
      System.err.println(changed + " files are not formatted; run: mvn -N verify -Dformat=write");
      System.exit(1);
    }
  }

  private static List<Path> sources() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("."), 20)) {
      return files
          .filter(path -> path.toString().endsWith(".java"))
          .filter(path -> !path.toString().contains("/target/"))
          .filter(path -> !path.toString().startsWith("./.git/"))
          .sorted()
          .toList();
    }
  }
}
