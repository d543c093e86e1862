package dev.basepoint.launcher.cli;

import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyException;
import dev.basepoint.sandbox.policy.PolicyParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Loads a policy file of the user's. Fragments come from beside it, or else from the program. */
final class PolicyFile {
  private static final int SIZE_BYTES_MAX = 1 << 20;

  private PolicyFile() {}

  /**
   * Reads {@code file}.
   *
   * @throws PolicyException if the policy is wrong, with file, line and reason
   * @throws CommandException if there is no such file or it is no text
   */
  static Policy load(Path file) throws CommandException, PolicyException {
    if (!Files.exists(file) || Files.isDirectory(file)) {
      throw new CommandException(
          ExitCode.INPUT_MISSING, "there is no file " + file + "; name a policy file that exists");
    }
    try {
      Path folder = file.toAbsolutePath().getParent();
      return new PolicyParser(fragment -> fragment(folder, fragment))
          .parse(file.getFileName().toString(), text(file));
    } catch (UncheckedIOException e) {
      throw unreadable(file, e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static Optional<String> fragment(Path folder, String name) {
    Path file = folder.resolve(name);
    if (!Files.isRegularFile(file)) {
      return PolicyParser.shippedFragments().text(name);
    }
    try {
      return Optional.of(text(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String text(Path file) throws IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(SIZE_BYTES_MAX + 1);
    }
    if (bytes.length > SIZE_BYTES_MAX) {
      throw new IOException(file + " is larger than 1MiB");
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException(file + " is not UTF-8 text", e);
    }
  }

  private static CommandException unreadable(Path file, Exception cause) {
    return new CommandException(
        ExitCode.INPUT_MISSING,
        file + " cannot be read (" + cause.getMessage() + "); check its permissions and contents",
        cause);
  }
}
