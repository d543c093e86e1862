package dev.basepoint.vmm.state;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Everything of a paused machine except its RAM, as sections.
 *
 * <pre>
 *   0       4         8               then per section
 *   +-------+---------+---------+     +------+-------+--------+---------
 *   | magic | version | section |     | kind | index | length | content
 *   |       | u32     | count   |     | u32  | u32   | u32    |
 *   +-------+---------+---------+     +------+-------+--------+---------
 * </pre>
 *
 * All numbers are little-endian.
 */
public final class MachineState {
  private static final int MAGIC = 'B' | 'P' << 8 | 'M' << 16 | 'S' << 24;
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 3 * Integer.BYTES;
  private static final int SECTION_HEADER_BYTES = 3 * Integer.BYTES;
  private static final int SECTIONS_MAX = 256;
  private static final int CONTENT_BYTES_MAX = 1 << 20;

  private record Key(SectionKind kind, int index) {}

  private final Map<Key, byte[]> sections = new LinkedHashMap<>();

  /** Adds a section. */
  public void put(SectionKind kind, int index, byte[] content) {
    if (content.length > CONTENT_BYTES_MAX || sections.size() == SECTIONS_MAX) {
      throw new IllegalArgumentException("state of " + kind + " " + index + " is too large");
    }
    if (sections.putIfAbsent(new Key(kind, index), content) != null) {
      throw new IllegalArgumentException("state of " + kind + " " + index + " is there already");
    }
  }

  /** Whether there is such a section. */
  public boolean has(SectionKind kind, int index) {
    return sections.containsKey(new Key(kind, index));
  }

  /**
   * The content of a section.
   *
   * @throws IOException if there is none
   */
  public ByteBuffer get(SectionKind kind, int index) throws IOException {
    byte[] content = sections.get(new Key(kind, index));
    if (content == null) {
      throw new IOException("the saved machine has no state of " + kind + " " + index);
    }
    return ByteBuffer.wrap(content).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The whole state as bytes. */
  public byte[] encode() {
    int bytes = HEADER_BYTES;
    for (byte[] content : sections.values()) {
      bytes += SECTION_HEADER_BYTES + content.length;
    }
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putInt(MAGIC).putInt(VERSION).putInt(sections.size());
    sections.forEach(
        (key, content) ->
            buffer
                .putInt(key.kind.wireNumber())
                .putInt(key.index)
                .putInt(content.length)
                .put(content));
    return buffer.array();
  }

  /**
   * Reads what {@link #encode} made.
   *
   * @throws IOException if it is damaged or of another version
   */
  public static MachineState decode(byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    try {
      if (buffer.getInt() != MAGIC) {
        throw new IOException("this is not the state of a machine");
      }
      int version = buffer.getInt();
      if (version != VERSION) {
        throw new IOException(
            "the machine's state has version " + version + ", this program reads " + VERSION);
      }
      int count = buffer.getInt();
      MachineState state = new MachineState();
      for (int i = 0; i < count; i++) {
        state.decodeSection(buffer);
      }
      if (buffer.hasRemaining()) {
        throw new IOException("the machine's state has surplus bytes");
      }
      return state;
    } catch (BufferUnderflowException e) {
      throw new IOException("the machine's state is cut off", e);
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private void decodeSection(ByteBuffer buffer) throws IOException {
    int kindNumber = buffer.getInt();
    int index = buffer.getInt();
    int length = buffer.getInt();
    SectionKind kind = SectionKind.of(kindNumber);
    if (kind == null) {
      throw new IOException("the machine's state has a section of unknown kind " + kindNumber);
    }
    if (length < 0 || length > buffer.remaining()) {
      throw new IOException("the machine's state is cut off in " + kind + " " + index);
    }
    byte[] content = new byte[length];
    buffer.get(content);
    put(kind, index, content);
  }
}
