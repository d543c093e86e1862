package dev.basepoint.launcher.manifest;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Checks a value against {@link ManifestSchema}. It exists beside general validators because it
 * knows the place of every value, can name the nearest valid choice, and starts in a few
 * milliseconds instead of a third of a second; a test holds it to the verdicts of a general one.
 */
final class SchemaChecker {
  private final ManifestSchema schema;
  private final Problems problems;

  SchemaChecker(ManifestSchema schema, Problems problems) {
    this.schema = schema;
    this.problems = problems;
  }

  /** Checks {@code value} and everything below it; reports each problem once. */
  void check(Value value) {
    check(schema.root(), value, "");
  }

  private void check(Value.Mapping rules, Value value, String key) {
    if (rules.get("$ref") instanceof Value.Text reference) {
      check(schema.definition(reference.text()), value, key);
    }
    if (!typeFits(rules, value, key)) {
      return;
    }
    choices(rules, value, key);
    switch (value) {
      case Value.Text text -> text(rules, text, key);
      case Value.Whole whole -> whole(rules, whole, key);
      case Value.Sequence sequence -> sequence(rules, sequence, key);
      case Value.Mapping mapping -> mapping(rules, mapping, key);
      case Value.OtherNumber number -> {}
      case Value.Bool bool -> {}
      case Value.Null nothing -> {}
    }
  }

  private boolean typeFits(Value.Mapping rules, Value value, String key) {
    List<String> types = Texts.list(rules.get("type"));
    if (types.isEmpty() || types.contains(value.schemaType())) {
      return true;
    }
    problems.error(
        value.mark(),
        key,
        "must be " + Texts.expected(rules, types) + ", found " + Texts.found(value),
        Corrections.forType(types, Texts.string(rules, "format"), value));
    return false;
  }

  private void choices(Value.Mapping rules, Value value, String key) {
    Value only = rules.get("const");
    if (only != null && !Texts.literal(only).equals(Texts.literal(value))) {
      problems.error(
          value.mark(),
          key,
          "must be " + Texts.literal(only) + ", found " + Texts.found(value),
          "");
    }
    if (rules.get("enum") instanceof Value.Sequence allowed) {
      List<String> words = allowed.items().stream().map(Texts::literal).toList();
      boolean sameKind =
          allowed.items().stream().anyMatch(a -> a.schemaType().equals(value.schemaType()));
      if (!sameKind || !words.contains(Texts.literal(value))) {
        problems.error(
            value.mark(),
            key,
            "must be one of " + String.join(", ", words) + "; found " + Texts.found(value),
            Corrections.forChoice(words, value));
      }
    }
  }

  private void text(Value.Mapping rules, Value.Text value, String key) {
    int length = value.text().codePointCount(0, value.text().length());
    long min = Texts.number(rules, "minLength", 0);
    long max = Texts.number(rules, "maxLength", Long.MAX_VALUE);
    if (length < min) {
      problems.error(value.mark(), key, "must not be empty", "");
    } else if (length > max) {
      problems.error(
          value.mark(), key, "must have at most " + max + " characters, found " + length, "");
    } else if (rules.get("pattern") instanceof Value.Text pattern
        && !Pattern.compile(pattern.text()).matcher(value.text()).matches()) {
      problems.error(
          value.mark(),
          key,
          "must be " + Texts.expected(rules, List.of()) + ", found " + Texts.found(value),
          Corrections.forPattern(pattern.text(), Texts.string(rules, "format"), value.text()));
    }
  }

  private void whole(Value.Mapping rules, Value.Whole value, String key) {
    long min = Texts.number(rules, "minimum", Long.MIN_VALUE);
    long max = Texts.number(rules, "maximum", Long.MAX_VALUE);
    if (value.number() < min || value.number() > max) {
      long nearest = Math.clamp(value.number(), min, max);
      problems.error(
          value.mark(),
          key,
          "must be " + min + " to " + max + ", found " + value.number(),
          "nearest valid value: " + nearest);
    }
  }

  private void sequence(Value.Mapping rules, Value.Sequence value, String key) {
    long max = Texts.number(rules, "maxItems", Long.MAX_VALUE);
    if (value.items().size() > max) {
      problems.error(
          value.mark(),
          key,
          "must have at most " + max + " entries, found " + value.items().size(),
          "");
      return;
    }
    if (rules.get("items") instanceof Value.Mapping itemRules) {
      for (int i = 0; i < value.items().size(); i++) {
        check(itemRules, value.items().get(i), KeyPath.item(key, i));
      }
    }
  }

  private void mapping(Value.Mapping rules, Value.Mapping value, String key) {
    for (String name : Texts.list(rules.get("required"))) {
      if (!value.entries().containsKey(name)) {
        problems.error(value.mark(), key, "lacks the key " + name, "");
      }
    }
    exactlyOne(rules, value, key);
    dependentKeys(rules, value, key);
    members(rules, value, key);
    if (rules.get("allOf") instanceof Value.Sequence parts) {
      for (Value part : parts.items()) {
        conditional((Value.Mapping) part, value, key);
      }
    }
  }

  /** {@code oneOf} whose branches each require one key: exactly one of the keys must be there. */
  private void exactlyOne(Value.Mapping rules, Value.Mapping value, String key) {
    if (!(rules.get("oneOf") instanceof Value.Sequence branches)) {
      return;
    }
    List<String> names = new ArrayList<>();
    for (Value branch : branches.items()) {
      names.addAll(Texts.list(((Value.Mapping) branch).get("required")));
    }
    List<String> present = names.stream().filter(value.entries()::containsKey).toList();
    String all = String.join(" or ", names);
    if (present.isEmpty()) {
      problems.error(value.mark(), key, "lacks a key: give one of " + all, "");
    } else if (present.size() > 1) {
      String last = present.getLast();
      problems.error(
          value.entries().get(last).keyMark(),
          KeyPath.child(key, last),
          "excludes " + present.getFirst(),
          "keep either " + all);
    }
  }

  private void dependentKeys(Value.Mapping rules, Value.Mapping value, String key) {
    if (!(rules.get("dependentRequired") instanceof Value.Mapping dependents)) {
      return;
    }
    dependents
        .entries()
        .forEach(
            (name, needed) -> {
              Value.Entry entry = value.entries().get(name);
              for (String other : Texts.list(needed.value())) {
                if (entry != null && !value.entries().containsKey(other)) {
                  problems.error(
                      entry.keyMark(), KeyPath.child(key, name), "needs the key " + other, "");
                }
              }
            });
  }

  private void members(Value.Mapping rules, Value.Mapping value, String key) {
    Value.Mapping properties = rules.get("properties") instanceof Value.Mapping m ? m : null;
    boolean closed = rules.get("additionalProperties") instanceof Value.Bool b && !b.value();
    value
        .entries()
        .forEach(
            (name, entry) -> {
              String path = KeyPath.child(key, name);
              if (properties != null && properties.get(name) instanceof Value.Mapping child) {
                check(child, entry.value(), path);
              } else if (closed) {
                problems.error(
                    entry.keyMark(),
                    path,
                    "unknown key",
                    Corrections.forKey(name, List.copyOf(properties.entries().sequencedKeySet())));
              }
            });
  }

  private void conditional(Value.Mapping part, Value.Mapping value, String key) {
    Problems discarded = new Problems(problems.file());
    new SchemaChecker(schema, discarded).check((Value.Mapping) part.get("if"), value, key);
    if (!discarded.hasErrors()) {
      check((Value.Mapping) part.get("then"), value, key);
    }
  }
}
