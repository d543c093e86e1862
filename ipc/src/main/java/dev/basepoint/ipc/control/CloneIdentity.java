package dev.basepoint.ipc.control;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Who a guest is, as its identity page tells it.
 *
 * @param name of the machine, at most {@link #NAME_BYTES_MAX} bytes in UTF-8
 * @param generationId {@link #GENERATION_ID_BYTES} random bytes that no other machine ever had
 * @param cloneNumber 0 for a machine that booted
 * @param metadata from whoever asked for the machine, UTF-8, at most {@link #METADATA_BYTES_MAX}
 */
public record CloneIdentity(String name, byte[] generationId, long cloneNumber, byte[] metadata) {
  public static final int GENERATION_ID_BYTES = 16;
  public static final int NAME_BYTES_MAX = 64;
  public static final int METADATA_BYTES_MAX = 2048;

  /** Checks the sizes and copies the bytes. */
  public CloneIdentity {
    int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (nameBytes == 0 || nameBytes > NAME_BYTES_MAX) {
      throw new IllegalArgumentException("a name of " + nameBytes + " bytes");
    }
    if (generationId.length != GENERATION_ID_BYTES) {
      throw new IllegalArgumentException("a generation id of " + generationId.length + " bytes");
    }
    if (metadata.length > METADATA_BYTES_MAX) {
      throw new IllegalArgumentException(
          metadata.length + " bytes of metadata, at most " + METADATA_BYTES_MAX + " fit");
    }
    generationId = generationId.clone();
    metadata = metadata.clone();
  }

  @Override
  public byte[] generationId() {
    return generationId.clone();
  }

  @Override
  public byte[] metadata() {
    return metadata.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CloneIdentity that
        && name.equals(that.name)
        && cloneNumber == that.cloneNumber
        && Arrays.equals(generationId, that.generationId)
        && Arrays.equals(metadata, that.metadata);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(generationId);
  }
}
