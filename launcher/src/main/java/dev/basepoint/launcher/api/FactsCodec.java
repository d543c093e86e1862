package dev.basepoint.launcher.api;

import dev.basepoint.launcher.api.proto.Fact;
import dev.basepoint.launcher.api.proto.FactList;
import dev.basepoint.launcher.api.proto.FactMap;
import dev.basepoint.launcher.api.proto.FactValue;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Facts on the wire: maps with string keys, collections, strings, whole and other numbers,
 * booleans. Null is absence. How deep they nest is bounded by the parser of protobuf.
 */
final class FactsCodec {
  private FactsCodec() {}

  static FactMap encode(Map<?, ?> facts) {
    FactMap.Builder map = FactMap.newBuilder();
    facts.forEach(
        (key, value) -> {
          if (value != null) {
            map.addFacts(Fact.newBuilder().setKey((String) key).setValue(encodeValue(value)));
          }
        });
    return map.build();
  }

  private static FactValue encodeValue(Object value) {
    FactValue.Builder fact = FactValue.newBuilder();
    switch (value) {
      case String text -> fact.setText(text);
      case Integer number -> fact.setNumber(number);
      case Long number -> fact.setNumber(number);
      case Double real -> fact.setReal(real);
      case Boolean flag -> fact.setFlag(flag);
      case Map<?, ?> map -> fact.setMap(encode(map));
      case Collection<?> values -> {
        FactList.Builder list = FactList.newBuilder();
        values.forEach(item -> list.addValues(encodeValue(item)));
        fact.setList(list);
      }
      default -> throw new IllegalArgumentException("no fact: " + value.getClass());
    }
    return fact.build();
  }

  static SequencedMap<String, Object> decode(FactMap map) {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    for (Fact fact : map.getFactsList()) {
      facts.put(fact.getKey(), decodeValue(fact.getValue()));
    }
    return facts;
  }

  private static Object decodeValue(FactValue value) {
    return switch (value.getKindCase()) {
      case TEXT -> value.getText();
      case NUMBER -> value.getNumber();
      case REAL -> {
        if (!Double.isFinite(value.getReal())) {
          throw new IllegalArgumentException("a number that JSON has not");
        }
        yield value.getReal();
      }
      case FLAG -> value.getFlag();
      case MAP -> decode(value.getMap());
      case LIST -> {
        List<Object> list = new ArrayList<>();
        value.getList().getValuesList().forEach(item -> list.add(decodeValue(item)));
        yield list;
      }
      case KIND_NOT_SET -> throw new IllegalArgumentException("a fact of an unknown kind");
    };
  }
}
