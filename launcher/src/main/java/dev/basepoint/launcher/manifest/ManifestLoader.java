package dev.basepoint.launcher.manifest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** Reads and checks manifests. */
public final class ManifestLoader {
  private static final int SIZE_BYTES_MAX = 1 << 20;
  private static final Pattern VM_NAME = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

  private final ManifestSchema schema = ManifestSchema.load();
  private final HostFacts host;

  /**
   * @param host what manifests are checked against
   */
  public ManifestLoader(HostFacts host) {
    this.host = host;
  }

  /**
   * Reads the manifest in {@code file}.
   *
   * @throws ManifestException if anything is wrong with it; the exception names all of it
   * @throws IOException if the file cannot be read
   */
  public LoadedManifest load(Path file) throws ManifestException, IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(SIZE_BYTES_MAX + 1);
    }
    Problems problems = new Problems(file.toString());
    if (bytes.length > SIZE_BYTES_MAX) {
      problems.error(Mark.START, "", "the manifest is larger than 1MiB", "");
      throw new ManifestException(problems.sorted());
    }
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      problems.error(Mark.START, "", "the manifest is not UTF-8 text", "");
      throw new ManifestException(problems.sorted());
    }
    Path absolute = file.toAbsolutePath().normalize();
    return load(text, absolute.getParent(), defaultName(absolute), problems);
  }

  /**
   * Reads a manifest that is no file.
   *
   * @param text YAML or JSON
   * @param label what messages call it
   * @param directory absolute; against which relative paths are resolved
   * @throws ManifestException if anything is wrong with it; the exception names all of it
   */
  public LoadedManifest load(String text, String label, Path directory) throws ManifestException {
    return load(text, directory, "vm", new Problems(label));
  }

  private LoadedManifest load(String text, Path directory, String defaultName, Problems problems)
      throws ManifestException {
    Value root = ValueParser.parse(text, problems);
    if (root != null) {
      new SchemaChecker(schema, problems).check(root);
    }
    if (problems.hasErrors() || !(root instanceof Value.Mapping mapping)) {
      throw new ManifestException(problems.sorted());
    }
    VmManifest vm = new ManifestDecoder(directory, defaultName).decode(mapping);
    new SemanticChecks(host, new Located(root), problems).check(vm);
    if (problems.hasErrors()) {
      throw new ManifestException(problems.sorted());
    }
    return new LoadedManifest(vm, problems.sorted());
  }

  private static String defaultName(Path file) {
    String name = String.valueOf(file.getFileName()).replaceFirst("\\.[A-Za-z]+$", "");
    return VM_NAME.matcher(name).matches() ? name : "vm";
  }
}
