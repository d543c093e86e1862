package dev.basepoint.launcher.manifest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * The published JSON Schema (draft 2020-12) of the manifest, as text for users and as the tree that
 * {@link SchemaChecker} walks. There is no other list of keys, types and limits.
 */
public final class ManifestSchema {
  private static final String RESOURCE = "/dev/basepoint/launcher/manifest.schema.json";

  /** What {@link SchemaChecker} implements, and annotations; anything else must not be ignored. */
  private static final Set<String> KEYWORDS =
      Set.of(
          "$schema",
          "$id",
          "$defs",
          "$ref",
          "title",
          "description",
          "default",
          "examples",
          "format",
          "type",
          "const",
          "enum",
          "pattern",
          "minLength",
          "maxLength",
          "minimum",
          "maximum",
          "maxItems",
          "items",
          "properties",
          "required",
          "additionalProperties",
          "dependentRequired",
          "allOf",
          "oneOf",
          "if",
          "then");

  private final Value.Mapping root;

  private ManifestSchema(Value.Mapping root) {
    this.root = root;
  }

  /** The schema's text, as {@code vmm-launch validate --schema} prints it. */
  public static String text() {
    try (InputStream in = ManifestSchema.class.getResourceAsStream(RESOURCE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("the jar lacks " + RESOURCE, e);
    }
  }

  /** Reads the schema of this program. */
  static ManifestSchema load() {
    return parse(text());
  }

  /**
   * Reads a schema.
   *
   * @throws IllegalStateException if it uses a keyword that the checker does not implement
   */
  static ManifestSchema parse(String text) {
    Problems problems = new Problems("manifest.schema.json");
    Value value = ValueParser.parse(text, problems);
    if (!problems.sorted().isEmpty() || !(value instanceof Value.Mapping root)) {
      throw new IllegalStateException("unreadable schema: " + problems.sorted());
    }
    requireKnownKeywords(root);
    return new ManifestSchema(root);
  }

  private static void requireKnownKeywords(Value.Mapping schema) {
    schema
        .entries()
        .forEach(
            (keyword, entry) -> {
              if (!KEYWORDS.contains(keyword)) {
                throw new IllegalStateException("schema keyword not supported: " + keyword);
              }
              switch (keyword) {
                case "$defs", "properties" ->
                    ((Value.Mapping) entry.value())
                        .entries()
                        .values()
                        .forEach(child -> requireKnownKeywords((Value.Mapping) child.value()));
                case "allOf", "oneOf" ->
                    ((Value.Sequence) entry.value())
                        .items()
                        .forEach(child -> requireKnownKeywords((Value.Mapping) child));
                case "items", "if", "then" -> requireKnownKeywords((Value.Mapping) entry.value());
                default -> {}
              }
            });
  }

  Value.Mapping root() {
    return root;
  }

  /** The schema that a {@code "#/$defs/NAME"} reference names. */
  Value.Mapping definition(String reference) {
    String prefix = "#/$defs/";
    if (reference.startsWith(prefix)
        && root.get("$defs") instanceof Value.Mapping definitions
        && definitions.get(reference.substring(prefix.length())) instanceof Value.Mapping found) {
      return found;
    }
    throw new IllegalStateException("schema reference leads nowhere: " + reference);
  }
}
