import com.google.googlejavaformat.java.Formatter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Formats the project's Java sources, or with --check only says which need it. Files that were
 * found formatted and have not changed since are not read again.
 */
public final class Format {
  private static final Path SEEN = Path.of("target/tools/formatted.txt");

  private Format() {}

  public static void main(String[] args) throws Exception {
    boolean check = args.length > 0 && args[0].equals("--check");
    Formatter formatter = new Formatter();
    Set<String> seen = Files.exists(SEEN) ? new HashSet<>(Files.readAllLines(SEEN)) : Set.of();
    Set<String> formattedNow = new TreeSet<>();
    int changed = 0;
    for (Path file : sources()) {
      if (!seen.contains(identity(file))) {
        String source = Files.readString(file);
        String formatted = formatter.formatSourceAndFixImports(source);
        if (!formatted.equals(source)) {
          changed++;
          System.err.println((check ? "not formatted: " : "formatted: ") + file);
          if (check) {
            continue;
          }
          Files.writeString(file, formatted);
        }
      }
      formattedNow.add(identity(file));
    }
    Files.createDirectories(SEEN.getParent());
    Files.write(SEEN, formattedNow);
    if (check && changed > 0) {
      System.err.println(changed + " files are not formatted; run: mvn -N verify -Dformat=write");
      System.exit(1);
    }
  }

  private static String identity(Path file) throws IOException {
    return file + " " + Files.size(file) + " " + Files.getLastModifiedTime(file).toMillis();
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
