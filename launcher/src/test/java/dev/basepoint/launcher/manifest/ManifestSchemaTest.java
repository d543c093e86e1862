package dev.basepoint.launcher.manifest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import dev.basepoint.launcher.output.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The published schema says what the program does. */
final class ManifestSchemaTest {
  private static final int MUTANTS = 4000;
  private static final List<Object> STRANGE =
      List.of(
          "",
          "x",
          "blk",
          "net",
          "tap",
          "echo",
          "64MiB",
          "512MB",
          "30s",
          "on",
          "02:00:00:00:00:01",
          "02:00:00:00:00",
          -1L,
          0L,
          1L,
          2L,
          256L,
          1500L,
          70000L,
          true,
          false,
          List.of(),
          Map.of());

  private final ManifestSchema schema = ManifestSchema.load();

  @Test
  void checkerAgreesWithAGeneralValidator() throws Exception {
    JsonSchema general =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(ManifestSchema.text());
    ObjectMapper mapper = new ObjectMapper();
    List<Object> seeds = new ArrayList<>();
    for (Path example : ExamplesTest.examples()) {
      seeds.add(plain(ValueParser.parse(Files.readString(example), new Problems("example"))));
    }
    Random random = new Random(20260101);
    int valid = 0;
    for (int i = 0; i < MUTANTS; i++) {
      Object mutant = seeds.get(i % seeds.size());
      int changes = random.nextInt(3);
      for (int change = 0; change <= changes; change++) {
        mutant = mutate(mutant, random);
      }
      String json = Json.write(mutant);
      JsonNode tree = mapper.readTree(json);
      boolean expected = general.validate(tree).isEmpty();
      Problems problems = new Problems("mutant");
      Value value = ValueParser.parse(json, problems);
      assertTrue(value != null, json);
      new SchemaChecker(schema, problems).check(value);
      assertEquals(expected, !problems.hasErrors(), () -> json + "\n" + problems.sorted());
      valid += expected ? 1 : 0;
    }
    assertTrue(valid > MUTANTS / 50, "too few mutants are valid: " + valid);
    assertTrue(valid < MUTANTS / 2, "too few mutants are invalid: " + (MUTANTS - valid));
  }

  private static Object plain(Value value) {
    return switch (value) {
      case Value.Mapping mapping -> {
        Map<String, Object> map = new LinkedHashMap<>();
        mapping.entries().forEach((key, entry) -> map.put(key, plain(entry.value())));
        yield map;
      }
      case Value.Sequence sequence ->
          sequence.items().stream().map(ManifestSchemaTest::plain).toList();
      case Value.Text text -> text.text();
      case Value.Whole whole -> whole.number();
      case Value.Bool bool -> bool.value();
      case Value.OtherNumber number -> throw new IllegalStateException(number.literal());
      case Value.Null nothing -> throw new IllegalStateException("no example has null");
    };
  }

  /** Changes one place: drops, renames, adds or replaces. */
  private static Object mutate(Object value, Random random) {
    if (value instanceof Map<?, ?> map && !map.isEmpty() && random.nextInt(8) != 0) {
      Map<String, Object> copy = new LinkedHashMap<>();
      int chosen = random.nextInt(map.size());
      int index = 0;
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        String key = (String) entry.getKey();
        if (index++ != chosen) {
          copy.put(key, entry.getValue());
          continue;
        }
        switch (random.nextInt(6)) {
          case 0 -> {}
          case 1 -> copy.put(key + "x", entry.getValue());
          case 2 -> {
            copy.put(key, entry.getValue());
            copy.put(pick(List.of("size", "scratch", "queues", "mtu", "link", "run"), random), 2L);
          }
          default -> copy.put(key, mutate(entry.getValue(), random));
        }
      }
      return copy;
    }
    if (value instanceof List<?> list && !list.isEmpty() && random.nextInt(8) != 0) {
      List<Object> copy = new ArrayList<>(list);
      int chosen = random.nextInt(copy.size());
      copy.set(chosen, mutate(copy.get(chosen), random));
      return copy;
    }
    return pick(STRANGE, random);
  }

  private static <T> T pick(List<T> choices, Random random) {
    return choices.get(random.nextInt(choices.size()));
  }

  @Test
  void defaultsAreThoseOfTheProgram() throws Exception {
    String text =
        """
        {"version": 1, "devices": [
          {"type": "blk", "scratch": "1MiB"},
          {"type": "net", "backend": {"type": "echo"}},
          {"type": "rng"}]}
        """;
    HostFacts host = new HostFacts(1, Long.MAX_VALUE, Long.MAX_VALUE);
    VmManifest vm = new ManifestLoader(host).load(text, "m", Path.of("/")).vm();
    JsonNode written = new ObjectMapper().readTree(Json.write(ManifestWriter.write(vm)));
    JsonNode rules = new ObjectMapper().readTree(ManifestSchema.text());
    int compared =
        compareDefaults(rules.at("/properties"), written)
            + compareDefaults(rules.at("/properties/timeouts/properties"), written.at("/timeouts"))
            + compareDefaults(
                rules.at("/properties/basepoint/properties"), written.at("/basepoint"))
            + compareDefaults(rules.at("/$defs/blk/properties"), written.at("/devices/0"))
            + compareDefaults(rules.at("/$defs/net/properties"), written.at("/devices/1"))
            + compareDefaults(rules.at("/$defs/rng/properties"), written.at("/devices/2"));
    assertEquals(21, compared);
  }

  private static int compareDefaults(JsonNode properties, JsonNode written) {
    int compared = 0;
    for (Map.Entry<String, JsonNode> property : properties.properties()) {
      JsonNode stated = property.getValue().get("default");
      if (stated != null && !stated.isContainerNode()) {
        assertEquals(stated, written.get(property.getKey()), property.getKey());
        compared++;
      }
    }
    return compared;
  }

  @Test
  void everyKeyIsDocumented() throws Exception {
    String documentation = Files.readString(Path.of("..", "docs", "manifest.md"));
    JsonNode rules = new ObjectMapper().readTree(ManifestSchema.text());
    List<String> pointers =
        List.of(
            "/properties",
            "/properties/timeouts/properties",
            "/properties/basepoint/properties",
            "/$defs/blk/properties",
            "/$defs/net/properties",
            "/$defs/rng/properties",
            "/$defs/tapBackend/properties",
            "/$defs/streamBackend/properties");
    for (String pointer : pointers) {
      rules
          .at(pointer)
          .fieldNames()
          .forEachRemaining(
              key -> assertTrue(documentation.contains("`" + key + "`"), pointer + "/" + key));
    }
  }

  @Test
  void unknownKeywordsAreNotIgnored() {
    assertThrows(
        IllegalStateException.class,
        () -> ManifestSchema.parse("{\"properties\": {\"a\": {\"anyOf\": []}}}"));
  }
}
