package dev.basepoint.ipc.vhostuser;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.basepoint.ipc.linux.EventFd;
import dev.basepoint.ipc.linux.Fd;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Messages on the wire, against the layouts of the protocol's document. */
class VhostUserCodecTest {
  private static final List<Fd> FDS = new ArrayList<>();

  @AfterEach
  void closeDescriptors() {
    FDS.forEach(Fd::close);
    FDS.clear();
  }

  private static Fd fd() {
    try {
      Fd fd = EventFd.create().fd();
      FDS.add(fd);
      return fd;
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static Stream<FrontEndRequest> requests() {
    return Stream.of(
        new FrontEndRequest.GetFeatures(),
        new FrontEndRequest.SetFeatures(0x1_7000_0e46L),
        new FrontEndRequest.SetOwner(),
        new FrontEndRequest.ResetOwner(),
        new FrontEndRequest.SetMemTable(
            List.of(
                new SharedRegion(1L << 32, 1 << 20, 0x7f00_0000_0000L, 0, fd()),
                new SharedRegion(9L << 32, 2 << 20, 0x7f00_0010_0000L, 1 << 20, fd()))),
        new FrontEndRequest.SetVringNum(3, 256),
        new FrontEndRequest.SetVringAddr(1, 0, 0x1000, 0x3000, 0x2000, 7),
        new FrontEndRequest.SetVringBase(2, 0xffff),
        new FrontEndRequest.GetVringBase(2),
        new FrontEndRequest.SetVringKick(0, fd()),
        new FrontEndRequest.SetVringKick(255, null),
        new FrontEndRequest.SetVringCall(1, fd()),
        new FrontEndRequest.SetVringErr(1, null),
        new FrontEndRequest.GetProtocolFeatures(),
        new FrontEndRequest.SetProtocolFeatures(0x9),
        new FrontEndRequest.GetQueueNum(),
        new FrontEndRequest.SetVringEnable(0, true),
        new FrontEndRequest.SetVringEnable(1, false),
        new FrontEndRequest.SetBackendReqFd(fd()),
        new FrontEndRequest.GetConfig(0, 60),
        new FrontEndRequest.GetInflightFd(2, 128),
        new FrontEndRequest.SetInflightFd(4096, 0, 2, 128, fd()),
        new FrontEndRequest.ResetDevice(),
        new FrontEndRequest.GetMaxMemSlots(),
        new FrontEndRequest.AddMemReg(new SharedRegion(1L << 40, 4096, 0x1000, 8192, fd())),
        new FrontEndRequest.RemMemReg(new SharedRegion(1L << 40, 4096, 0x1000, 8192, null)));
  }

  @ParameterizedTest
  @MethodSource("requests")
  void aRequestComesOutAsItWentIn(FrontEndRequest request) throws Exception {
    VhostUserFrame frame = VhostUserCodec.encode(request, true);
    assertEquals(VhostUserFrame.VERSION | VhostUserFrame.NEED_REPLY, frame.flags());
    assertEquals(request, VhostUserCodec.decode(frame));
  }

  @Test
  void configurationComesOutAsItWentIn() throws Exception {
    FrontEndRequest.SetConfig decoded =
        assertInstanceOf(
            FrontEndRequest.SetConfig.class,
            VhostUserCodec.decode(
                VhostUserCodec.encode(
                    new FrontEndRequest.SetConfig(32, false, new byte[] {1, 2}), false)));
    assertEquals(32, decoded.offset());
    assertFalse(decoded.migration());
    assertArrayEquals(new byte[] {1, 2}, decoded.data());
  }

  @ParameterizedTest
  @CsvSource({
    "SET_FEATURES, 0102030405060708",
    "SET_VRING_NUM, 0000000000010000",
    "SET_VRING_ENABLE, 0300000001000000",
    "GET_CONFIG, 000000003c00000000000000",
  })
  void payloadsAreLittleEndianAndOfTheDocumentsSize(RequestCode code, String hex) throws Exception {
    byte[] payload = HexFormat.of().parseHex(hex);
    FrontEndRequest expected =
        switch (code) {
          case SET_FEATURES -> new FrontEndRequest.SetFeatures(0x0807060504030201L);
          case SET_VRING_NUM -> new FrontEndRequest.SetVringNum(0, 256);
          case SET_VRING_ENABLE -> new FrontEndRequest.SetVringEnable(3, true);
          default -> new FrontEndRequest.GetConfig(0, 60);
        };
    VhostUserFrame frame =
        new VhostUserFrame(code.number(), VhostUserFrame.VERSION, payload, List.of());
    assertEquals(expected, VhostUserCodec.decode(frame));
  }

  @Test
  void repliesComeOutAsTheyWentIn() throws Exception {
    assertEquals(
        new BackEndReply.Value(5), reply(RequestCode.GET_FEATURES, new BackEndReply.Value(5)));
    assertEquals(
        new BackEndReply.VringBase(1, 77),
        reply(RequestCode.GET_VRING_BASE, new BackEndReply.VringBase(1, 77)));
    BackEndReply.Config config =
        (BackEndReply.Config)
            reply(RequestCode.GET_CONFIG, new BackEndReply.Config(4, new byte[] {9, 8, 7}));
    assertArrayEquals(new byte[] {9, 8, 7}, config.data());
    assertEquals(
        0,
        ((BackEndReply.Config)
                reply(RequestCode.GET_CONFIG, new BackEndReply.Config(4, new byte[0])))
            .data()
            .length);
    BackEndReply inflight = new BackEndReply.Inflight(8192, 0, 2, 128, fd());
    assertEquals(inflight, reply(RequestCode.GET_INFLIGHT_FD, inflight));
  }

  private static BackEndReply reply(RequestCode code, BackEndReply reply) throws Exception {
    return VhostUserCodec.decodeReply(code, VhostUserCodec.encode(code, reply));
  }

  @Test
  void whatIsNotSpokenIsNamed() throws Exception {
    for (int number : new int[] {0, 6, 7, 19, 20, 23, 33, 39, 40, 100, -1}) {
      Fd fd = fd();
      VhostUserFrame frame =
          new VhostUserFrame(number, VhostUserFrame.VERSION, new byte[8], List.of(fd));
      assertEquals(new FrontEndRequest.Unsupported(number), VhostUserCodec.decode(frame));
      assertFalse(fd.isOpen(), "its descriptor is nobody's");
    }
  }

  @Test
  void malformedMessagesAreRefusedAndTheirDescriptorsClosed() {
    byte[] ringWord = new byte[8];
    ringWord[1] = 2;
    byte[] nineRegions = new byte[8 + 8 * SharedRegionLayout.BYTES];
    nineRegions[0] = 9;
    byte[] enabledTwice = new byte[8];
    enabledTwice[4] = 2;
    assertRefused(RequestCode.SET_VRING_KICK, ringWord, 1);
    assertRefused(RequestCode.SET_VRING_KICK, new byte[8], 0);
    assertRefused(RequestCode.SET_VRING_KICK, new byte[8], 2);
    assertRefused(RequestCode.SET_MEM_TABLE, nineRegions, 8);
    assertRefused(RequestCode.SET_MEM_TABLE, new byte[8], 0);
    assertRefused(RequestCode.SET_VRING_ENABLE, enabledTwice, 0);
    assertRefused(RequestCode.SET_FEATURES, new byte[7], 0);
    assertRefused(RequestCode.SET_FEATURES, new byte[9], 0);
    assertRefused(RequestCode.SET_FEATURES, new byte[8], 1);
    assertRefused(RequestCode.SET_OWNER, new byte[1], 0);
    assertRefused(RequestCode.GET_VRING_BASE, new byte[4], 0);
    assertRefused(RequestCode.SET_INFLIGHT_FD, new byte[24], 0);
  }

  private static void assertRefused(RequestCode code, byte[] payload, int descriptors) {
    List<Fd> fds = Stream.generate(VhostUserCodecTest::fd).limit(descriptors).toList();
    VhostUserFrame frame = new VhostUserFrame(code.number(), VhostUserFrame.VERSION, payload, fds);
    assertThrows(VhostUserException.class, () -> VhostUserCodec.decode(frame), code.name());
    fds.forEach(fd -> assertFalse(fd.isOpen(), code + " left its descriptor open"));
  }

  @Test
  void otherVersionsAndRepliesAreRefused() {
    for (int flags : new int[] {0, 2, 3, VhostUserFrame.VERSION | VhostUserFrame.REPLY}) {
      VhostUserFrame frame = new VhostUserFrame(1, flags, new byte[0], List.of());
      assertThrows(VhostUserException.class, () -> VhostUserCodec.decode(frame));
    }
  }

  /** Whatever the bytes are, the answer is a request or a refusal, never another exception. */
  @Test
  void randomBytesNeverSurprise() {
    SplittableRandom random = new SplittableRandom(4711);
    int refused = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] payload = new byte[random.nextInt(300)];
      random.nextBytes(payload);
      if (payload.length > 8 && random.nextBoolean()) {
        java.util.Arrays.fill(payload, 1, 8, (byte) 0);
        payload[0] &= 7;
      }
      VhostUserFrame frame =
          new VhostUserFrame(random.nextInt(45), 1 | random.nextInt(16), payload, List.of());
      try {
        VhostUserCodec.decode(frame);
      } catch (VhostUserException e) {
        refused++;
      }
    }
    assertEquals(true, refused > 100_000, refused + " refused");
  }
}
