package dev.basepoint.launcher.output;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class JsonTest {
  @Test
  void writesEveryKind() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("a", 1);
    map.put("b", Arrays.asList(true, null, "x\"\\\n\u001b\ud800", 2.5, Long.MIN_VALUE));
    map.put("c", Map.of());
    map.put("d", List.of());
    assertEquals(
        "{\"a\":1,\"b\":[true,null,\"x\\\"\\\\\\n\\u001b\\ud800\",2.5,-9223372036854775808],"
            + "\"c\":{},\"d\":[]}",
        Json.write(map));
  }

  @Test
  void isReadBackByOthers() throws Exception {
    Random random = new Random(7);
    ObjectMapper mapper = new ObjectMapper();
    for (int i = 0; i < 500; i++) {
      StringBuilder text = new StringBuilder();
      for (int j = 0; j < 30; j++) {
        text.appendCodePoint(random.nextInt(0x300));
      }
      List<Object> value = new ArrayList<>(List.of(text.toString(), random.nextLong()));
      value.add(Map.of(text.toString(), random.nextDouble()));
      String json = Json.write(value);
      assertFalse(json.contains("\n"));
      assertEquals(mapper.valueToTree(value), mapper.readTree(json));
    }
  }

  @Test
  void refusesWhatJsonHasNot() {
    assertThrows(IllegalArgumentException.class, () -> Json.write(Double.NaN));
    assertThrows(IllegalArgumentException.class, () -> Json.write(new Object()));
  }
}
