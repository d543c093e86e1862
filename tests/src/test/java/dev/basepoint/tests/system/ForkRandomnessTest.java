package dev.basepoint.tests.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.basepoint.launcher.api.ApiClient;
import dev.basepoint.launcher.api.ApiRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No two clones know the same random bytes. */
class ForkRandomnessTest {
  private static final int FORKS = Integer.getInteger("test.forks", 200);

  /** With these a request is in flight when the template is taken. */
  private static final int FORKS_IN_FLIGHT = FORKS * 2 / 5;

  private static final int ALIVE = 4;

  @TempDir private static Path directory;

  private static final int ATTEMPTS_MAX = 20;

  private static ForkDaemon daemon;
  private static String inFlight;
  private static boolean isInFlight;

  @BeforeAll
  static void makeTemplates() throws Exception {
    Requirements.vm();
    daemon = ForkDaemon.start(directory);
    // Clones that are made on request need no rehearsal, which costs more than all they do here.
    String manifest =
        """
        memory: 16MiB
        cmdline: probe=ready basepoint.pages=1 %s
        devices:
          - type: rng
        basepoint: {pool: 0}
        """;
    daemon.create("settled", manifest.formatted(""));
    // Whether the request is still open when the guest stops at its doorbell is a race with the
    // rng.
    for (int attempt = 0; !isInFlight; attempt++) {
      assertTrue(attempt < ATTEMPTS_MAX, "the rng always answered before the guest was ready");
      daemon.create("in-flight-" + attempt, manifest.formatted("rng-inflight"));
      inFlight = "in-flight-" + attempt;
      JsonNode facts = daemon.awaitGoodEnd(daemon.fork(inFlight, "").get("name").asText());
      isInFlight = facts.get("guest").get("rng0").get("waited").asBoolean();
    }
  }

  @AfterAll
  static void end() {
    if (daemon != null) {
      daemon.close();
    }
  }

  @Test
  void aThousandClonesDrawAThousandTimesSomethingElse() throws Exception {
    Set<String> draws = ConcurrentHashMap.newKeySet();
    Set<String> generations = ConcurrentHashMap.newKeySet();
    AtomicInteger left = new AtomicInteger(FORKS);
    AtomicInteger waited = new AtomicInteger();
    Callable<Void> worker =
        () -> {
          try (ApiClient client = daemon.connect()) {
            for (int number = left.getAndDecrement(); number > 0; number = left.getAndDecrement()) {
              boolean waits = number <= FORKS_IN_FLIGHT;
              JsonNode fork =
                  ForkDaemon.ask(client, ForkDaemon.clone(waits ? inFlight : "settled", ""));
              JsonNode facts =
                  ForkDaemon.ask(
                      client,
                      new ApiRequest.AwaitVm(
                          fork.get("name").asText(), (int) ForkDaemon.PATIENCE.toMillis()));
              assertEquals("powered-off", facts.path("outcome").asText(), facts::toString);
              JsonNode clone = facts.get("guest").get("clone");
              JsonNode rng = facts.get("guest").get("rng0");
              assertEquals(fork.get("fork").get("generation_id"), clone.get("generation"));
              generations.add(clone.get("generation").asText());
              assertEquals(64, rng.get("first32").asText().length(), rng::toString);
              draws.add(rng.get("first32").asText());
              assertEquals(waits, rng.get("in_flight").asBoolean(), rng::toString);
              // A clone's own rng may have answered before the guest looks; it then asks anew.
              if (rng.path("waited").asBoolean()) {
                waited.incrementAndGet();
              }
            }
            return null;
          }
        };
    List<Callable<Void>> all = new ArrayList<>();
    for (int i = 0; i < ALIVE; i++) {
      all.add(worker);
    }
    long startNanos = System.nanoTime();
    try (ExecutorService workers = Executors.newFixedThreadPool(ALIVE)) {
      for (Future<Void> done : workers.invokeAll(all)) {
        done.get();
      }
    }
    System.out.printf(
        "%d forks of one device, made on request, in %d s; %d of %d guests saw their request"
            + " open%n",
        FORKS, (System.nanoTime() - startNanos) / 1_000_000_000, waited.get(), FORKS_IN_FLIGHT);
    assertEquals(FORKS, draws.size());
    assertEquals(FORKS, generations.size());
    assertTrue(waited.get() > 0, "no request was in flight");
  }
}
