package dev.basepoint.sandbox.policy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares the data files with the host's C headers, where there are some. */
class DataFilesTest {
  private static final Path CC = Path.of("/usr/bin/cc");
  private static final Path UNISTD = Path.of("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");

  @Test
  void constantsAreWhatTheHeadersSay(@TempDir Path folder) throws Exception {
    assumeTrue(Files.isExecutable(CC), "no C compiler");
    List<Constants.Constant> constants = Constants.shipped().all();
    StringBuilder source = new StringBuilder("#define _GNU_SOURCE\n#include <stdio.h>\n");
    for (String header : new TreeSet<>(constants.stream().map(c -> c.header()).toList())) {
      source.append("#include <").append(header).append(">\n");
    }
    source.append("int main(void) {\n");
    for (Constants.Constant constant : constants) {
      // A header older than the table may know less.
      source.append(
          "#ifdef %1$s\nprintf(\"%1$s %%lld\\n\", (long long) %1$s);\n#endif\n"
              .formatted(constant.name()));
    }
    source.append("return 0; }\n");
    Path file = Files.writeString(folder.resolve("constants.c"), source);
    Path binary = folder.resolve("constants");
    run(CC.toString(), "-w", "-o", binary.toString(), file.toString());
    List<String> printed = run(binary.toString());
    assertTrue(printed.size() > constants.size() * 9 / 10, () -> "only " + printed);
    for (String line : printed) {
      String[] words = line.split(" ", -1);
      // An ioctl number above 2^31 is an int for some headers and unsigned for others.
      assertEquals(
          (int) Long.parseLong(words[1]),
          Constants.shipped().value(words[0]).orElseThrow().intValue(),
          words[0]);
    }
  }

  @Test
  void systemCallsAreWhatTheHeaderSays() throws Exception {
    assumeTrue(Files.isReadable(UNISTD), "no kernel headers");
    Matcher matcher =
        Pattern.compile("#define __NR_(\\w+) (\\d+)").matcher(Files.readString(UNISTD));
    int found = 0;
    while (matcher.find()) {
      int number = Integer.parseInt(matcher.group(2));
      // A header newer than the table may know more.
      if (number <= SyscallTable.x86_64().highestNumber()) {
        assertEquals(matcher.group(1), SyscallTable.x86_64().nameOf(number));
        found++;
      }
    }
    assertTrue(found > 300, found + " calls compared");
  }

  private static List<String> run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output.lines().toList();
  }
}
