package dev.basepoint.launcher.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.ipc.control.ProtocolException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The API's messages as bytes and back. */
final class ApiProtocolTest {
  private static final int MALFORMED_COUNT = 100_000;

  private static final List<ApiRequest> REQUESTS =
      List.of(
          new ApiRequest.Hello(1),
          new ApiRequest.StartVm("{\"version\":1}", "strict", 1_700_000_000_000_000L),
          new ApiRequest.ListVms(true),
          new ApiRequest.InspectVm("vm-1"),
          new ApiRequest.StopVm("vm-1", 1500),
          new ApiRequest.PauseVm("vm-1"),
          new ApiRequest.ResumeVm("vm-1"),
          new ApiRequest.ReadConsole("vm-1", 1L << 40, 30_000),
          new ApiRequest.CaptureVm("vm-1", "kept", true, false),
          new ApiRequest.RestoreVm("kept", ""));

  private static SequencedMap<String, Object> facts() {
    SequencedMap<String, Object> facts = new LinkedHashMap<>();
    facts.put("text", "Grüße");
    facts.put("number", -7L);
    facts.put("real", 1.5);
    facts.put("flag", true);
    facts.put("list", List.of("a", 1L, List.of(), Map.of("deep", "er")));
    facts.put("map", new LinkedHashMap<>(Map.of("inner", 1L)));
    return facts;
  }

  @Test
  void requestsSurviveTheWire() throws Exception {
    for (ApiRequest body : REQUESTS) {
      ApiProtocol.Request request = new ApiProtocol.Request(42, 1000, "tenant-1", body);
      assertEquals(request, ApiProtocol.decodeRequest(ApiProtocol.encode(request)));
    }
    ApiProtocol.Request typing =
        new ApiProtocol.Request(1, 1, "", new ApiRequest.WriteConsole("a", new byte[] {0, -1, 29}));
    ApiProtocol.Request decoded = ApiProtocol.decodeRequest(ApiProtocol.encode(typing));
    assertArrayEquals(
        new byte[] {0, -1, 29},
        assertInstanceOf(ApiRequest.WriteConsole.class, decoded.body()).input());
  }

  @Test
  void answersSurviveTheWire() throws Exception {
    ApiProtocol.Answer answer = new ApiProtocol.Reply(7, new ApiReply.Facts(facts()));
    assertEquals(answer, ApiProtocol.decodeAnswer(ApiProtocol.encode(answer)));
    ApiProtocol.Answer failure = new ApiProtocol.Failure(8, 83, "there is no VM x");
    assertEquals(failure, ApiProtocol.decodeAnswer(ApiProtocol.encode(failure)));
    ApiProtocol.Answer console =
        new ApiProtocol.Reply(9, new ApiReply.Console(5, new byte[] {1, 2}, true));
    ApiProtocol.Reply decoded =
        assertInstanceOf(
            ApiProtocol.Reply.class, ApiProtocol.decodeAnswer(ApiProtocol.encode(console)));
    ApiReply.Console chunk = assertInstanceOf(ApiReply.Console.class, decoded.body());
    assertEquals(5, chunk.position());
    assertTrue(chunk.ended());
    assertArrayEquals(new byte[] {1, 2}, chunk.output());
  }

  @Test
  void factsKeepTheirOrderAndLoseWhatIsAbsent() throws Exception {
    SequencedMap<String, Object> facts = facts();
    facts.put("absent", null);
    ApiProtocol.Answer answer = new ApiProtocol.Reply(7, new ApiReply.Facts(facts));
    ApiProtocol.Reply decoded =
        assertInstanceOf(
            ApiProtocol.Reply.class, ApiProtocol.decodeAnswer(ApiProtocol.encode(answer)));
    assertEquals(
        List.copyOf(facts().keySet()),
        List.copyOf(
            assertInstanceOf(ApiReply.Facts.class, decoded.body()).facts().sequencedKeySet()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-a", "A", "a/../b", "a b", "\u001b[2J"})
  void namesThatCannotBeAreRefused(String name) {
    assertThrows(IllegalArgumentException.class, () -> new ApiRequest.InspectVm(name));
  }

  @Test
  void malformedMessagesAreRefusedAndNothingElseHappens() {
    SplittableRandom random = new SplittableRandom(20261121);
    int refused = 0;
    for (int i = 0; i < MALFORMED_COUNT; i++) {
      byte[] bytes = malformed(random);
      try {
        if (random.nextBoolean()) {
          ApiProtocol.decodeRequest(bytes);
        } else {
          ApiProtocol.decodeAnswer(bytes);
        }
      } catch (ProtocolException e) {
        refused++;
      }
    }
    assertTrue(refused > MALFORMED_COUNT / 2, refused + " refused");
  }

  private static byte[] malformed(SplittableRandom random) {
    byte[] bytes;
    int kind = random.nextInt(4);
    if (kind == 0) {
      bytes = new byte[random.nextInt(200)];
      random.nextBytes(bytes);
      return bytes;
    }
    bytes =
        kind == 1
            ? ApiProtocol.encode(new ApiProtocol.Reply(1, new ApiReply.Facts(facts())))
            : ApiProtocol.encode(
                new ApiProtocol.Request(
                    random.nextLong(),
                    1 + random.nextInt(1000),
                    "t",
                    REQUESTS.get(random.nextInt(REQUESTS.size()))));
    for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
    }
    return random.nextInt(3) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes;
  }
}
