package dev.basepoint.vmm.boot.acpi;

/** Encodes the few terms of the ACPI machine language that our DSDT needs (ACPI 6.5 section 20). */
final class Aml {
  private static final int ONE_OP = 0x01;
  private static final int NAME_OP = 0x08;
  private static final int BYTE_PREFIX = 0x0a;
  private static final int WORD_PREFIX = 0x0b;
  private static final int DWORD_PREFIX = 0x0c;
  private static final int STRING_PREFIX = 0x0d;
  private static final int SCOPE_OP = 0x10;
  private static final int BUFFER_OP = 0x11;
  private static final int PACKAGE_OP = 0x12;
  private static final int METHOD_OP = 0x14;
  private static final int NOTIFY_OP = 0x86;
  private static final int EXT_OP_PREFIX = 0x5b;
  private static final int DEVICE_OP = 0x82;

  private static final int METHOD_SERIALIZED = 1 << 3;
  private static final int NAME_SEGMENT_CHARS = 4;

  private Aml() {}

  /** Scope(path) {terms}; {@code path} is one segment below the root. */
  static byte[] scope(String segment, byte[]... terms) {
    ByteSink body = new ByteSink().ascii("\\" + checked(segment));
    return block(new ByteSink().u8(SCOPE_OP), body, terms);
  }

  /** Device(name) {terms}. */
  static byte[] device(String segment, byte[]... terms) {
    ByteSink body = new ByteSink().ascii(checked(segment));
    return block(new ByteSink().u8(EXT_OP_PREFIX).u8(DEVICE_OP), body, terms);
  }

  /** Name(segment, value). */
  static byte[] name(String segment, byte[] value) {
    return new ByteSink().u8(NAME_OP).ascii(checked(segment)).bytes(value).toBytes();
  }

  /** An integer constant, zero-extended from 32 bits. */
  static byte[] integer(int value) {
    ByteSink sink = new ByteSink();
    if (value == 0 || value == 1) {
      // ZeroOp and OneOp are their own values.
      return sink.u8(value == 0 ? 0 : ONE_OP).toBytes();
    }
    if (value > 0 && value <= 0xff) {
      return sink.u8(BYTE_PREFIX).u8(value).toBytes();
    }
    if (value > 0 && value <= 0xffff) {
      return sink.u8(WORD_PREFIX).u16(value).toBytes();
    }
    return sink.u8(DWORD_PREFIX).u32(value).toBytes();
  }

  static byte[] string(String text) {
    return new ByteSink().u8(STRING_PREFIX).ascii(text).u8(0).toBytes();
  }

  /**
   * EISAID("PNP0501"): three letters of five bits and four hexadecimal digits, big-endian (ACPI 6.5
   * section 19.6.36).
   */
  static byte[] eisaId(String id) {
    int letters = 0;
    for (int i = 0; i < 3; i++) {
      letters = letters << 5 | (id.charAt(i) - '@');
    }
    int value = letters << 16 | Integer.parseInt(id.substring(3), 16);
    return integer(Integer.reverseBytes(value));
  }

  /** Method(segment, argumentCount, Serialized) {terms}. */
  static byte[] method(String segment, int argumentCount, byte[]... terms) {
    ByteSink body = new ByteSink().ascii(checked(segment)).u8(argumentCount | METHOD_SERIALIZED);
    return block(new ByteSink().u8(METHOD_OP), body, terms);
  }

  /** Notify(segment, value). */
  static byte[] notify(String segment, int value) {
    return new ByteSink().u8(NOTIFY_OP).ascii(checked(segment)).bytes(integer(value)).toBytes();
  }

  /** Package() {elements}. */
  static byte[] pack(byte[]... elements) {
    ByteSink body = new ByteSink().u8(elements.length);
    return block(new ByteSink().u8(PACKAGE_OP), body, elements);
  }

  /** Buffer() {content}. */
  static byte[] buffer(byte[] content) {
    ByteSink body = new ByteSink().bytes(integer(content.length));
    return block(new ByteSink().u8(BUFFER_OP), body, content);
  }

  private static byte[] block(ByteSink opcode, ByteSink body, byte[]... terms) {
    for (byte[] term : terms) {
      body.bytes(term);
    }
    return opcode.bytes(packageLength(body.size())).bytes(body.toBytes()).toBytes();
  }

  /** PkgLength counts itself: one byte up to 63, otherwise four bits and one or two more bytes. */
  private static byte[] packageLength(int bodyBytes) {
    if (bodyBytes + 1 <= 0x3f) {
      return new ByteSink().u8(bodyBytes + 1).toBytes();
    }
    int following = bodyBytes + 2 <= 0xfff ? 1 : 2;
    int length = bodyBytes + 1 + following;
    ByteSink sink = new ByteSink().u8(following << 6 | (length & 0xf));
    for (int i = 0; i < following; i++) {
      sink.u8(length >>> (4 + i * Byte.SIZE));
    }
    return sink.toBytes();
  }

  private static String checked(String segment) {
    if (segment.length() != NAME_SEGMENT_CHARS) {
      throw new IllegalArgumentException("AML name segment " + segment);
    }
    return segment;
  }
}
