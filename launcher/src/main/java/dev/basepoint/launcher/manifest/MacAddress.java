package dev.basepoint.launcher.manifest;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * A 48-bit Ethernet address.
 *
 * @param bits the six bytes, the first on the wire being the most significant
 */
public record MacAddress(long bits) {
  private static final long MULTICAST = 1L << 40;
  private static final long LOCALLY_ADMINISTERED = 2L << 40;

  public MacAddress {
    if (bits >>> 48 != 0) {
      throw new IllegalArgumentException("more than 48 bits");
    }
  }

  /** Parses six colon-separated hexadecimal bytes, which the caller has checked. */
  static MacAddress parse(String text) {
    return new MacAddress(HexFormat.fromHexDigitsToLong(text.replace(":", "")));
  }

  /**
   * The address of a device whose manifest names none: derived from both names, so that it is the
   * same in each run.
   */
  static MacAddress derive(String vmName, String deviceName) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((vmName + "/" + deviceName).getBytes(StandardCharsets.UTF_8));
      long bits = 0;
      for (int i = 0; i < 6; i++) {
        bits = (bits << 8) | (hash[i] & 0xff);
      }
      return new MacAddress(bits).unicast();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /**
   * An address for a virtual interface.
   *
   * @param randomBits any 48 bits; two of them decide nothing, for they tell what kind of address
   *     it is
   */
  public static MacAddress ofRandom(long randomBits) {
    return new MacAddress(randomBits & (1L << 48) - 1).unicast();
  }

  /** Whether this is a group address, which no interface may have as its own. */
  public boolean isMulticast() {
    return (bits & MULTICAST) != 0;
  }

  /** The nearest address that a virtual interface may have: unicast, locally administered. */
  MacAddress unicast() {
    return new MacAddress((bits & ~MULTICAST) | LOCALLY_ADMINISTERED);
  }

  /** The six bytes in the order of the wire. */
  public byte[] bytes() {
    byte[] bytes = new byte[6];
    for (int i = 0; i < 6; i++) {
      bytes[i] = (byte) (bits >>> (40 - 8 * i));
    }
    return bytes;
  }

  @Override
  public String toString() {
    return HexFormat.ofDelimiter(":").formatHex(bytes()).toLowerCase(Locale.ROOT);
  }
}
