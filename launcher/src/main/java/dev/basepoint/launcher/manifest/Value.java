package dev.basepoint.launcher.manifest;

import java.util.List;
import java.util.SequencedMap;

/** A parsed YAML or JSON value that remembers where it stands. */
sealed interface Value {
  Mark mark();

  /** What JSON Schema calls the value's type. */
  String schemaType();

  /** Key-value pairs in the order of the text. */
  record Mapping(Mark mark, SequencedMap<String, Entry> entries) implements Value {
    @Override
    public String schemaType() {
      return "object";
    }

    /** The value at {@code key}, or null. */
    Value get(String key) {
      Entry entry = entries.get(key);
      return entry == null ? null : entry.value;
    }
  }

  /** A key's place and its value. */
  record Entry(Mark keyMark, Value value) {}

  record Sequence(Mark mark, List<Value> items) implements Value {
    @Override
    public String schemaType() {
      return "array";
    }
  }

  record Text(Mark mark, String text) implements Value {
    @Override
    public String schemaType() {
      return "string";
    }
  }

  record Whole(Mark mark, long number) implements Value {
    @Override
    public String schemaType() {
      return "integer";
    }
  }

  /** A number that is not a whole one of at most 64 bits. */
  record OtherNumber(Mark mark, String literal) implements Value {
    @Override
    public String schemaType() {
      return "number";
    }
  }

  record Bool(Mark mark, boolean value) implements Value {
    @Override
    public String schemaType() {
      return "boolean";
    }
  }

  record Null(Mark mark) implements Value {
    @Override
    public String schemaType() {
      return "null";
    }
  }
}
