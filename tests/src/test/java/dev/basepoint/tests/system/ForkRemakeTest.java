package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.basepoint.launcher.api.ApiRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A template whose limits are reached is made again by the daemon, and forks go on. */
class ForkRemakeTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @Test
  void aTemplateThatIsUsedUpIsMadeAgain(@TempDir Path directory) throws Exception {
    Requirements.vm();
    try (ForkDaemon daemon = ForkDaemon.start(directory)) {
      daemon.create(
          "worn",
          """
          memory: 16MiB
          cmdline: probe=ready
          devices:
            - type: blk
              scratch: 1MiB
          basepoint: {pool: 0, maxForks: 1}
          """);
      String created = created(daemon);
      JsonNode first = daemon.fork("worn", "hold");
      JsonNode second = daemon.fork("worn", "hold");
      assertNotEquals(created, created(daemon));
      assertEquals("worn-1", first.get("name").asText());
      // It counts from 1 again, and the first clone lives.
      assertEquals(1, second.get("fork").get("clone_number").asInt(), second::toString);
      assertEquals("worn-1-2", second.get("name").asText());
      assertNotEquals(
          first.get("fork").get("generation_id"), second.get("fork").get("generation_id"));
      daemon.awaitEvent("worn-1-2", "clone");
      daemon.ask(new ApiRequest.StopVm("worn-1", 0));
      daemon.ask(new ApiRequest.StopVm("worn-1-2", 0));
    }
  }

  private static String created(ForkDaemon daemon) throws Exception {
    Path description = daemon.template("worn").resolve("template.json");
    return MAPPER.readTree(Files.readAllBytes(description)).get("created").asText();
  }
}
