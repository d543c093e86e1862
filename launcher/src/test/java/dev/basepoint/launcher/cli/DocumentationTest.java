package dev.basepoint.launcher.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the users' documents link to is there. */
final class DocumentationTest {
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#]+)(#[^)]*)?\\)");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../README.md",
        "../docs/manifest.md",
        "../docs/templates.md",
        "../docs/daemon.md"
      })
  void linksLeadSomewhere(Path document) throws Exception {
    Matcher link = LINK.matcher(Files.readString(document));
    int count = 0;
    while (link.find()) {
      String target = link.group(1);
      assertTrue(
          target.contains("://") || Files.exists(document.resolveSibling(target)),
          document + " links to " + target);
      count++;
    }
    assertTrue(count > 0, document + " has no links");
  }
}
