package dev.basepoint.launcher.basepoint;

import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import dev.basepoint.launcher.manifest.ManifestWriter;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.io.StringWriter;
import java.util.Collection;
import java.util.Map;

/** Writes manifests as YAML, every default spelled out and every path absolute. */
public final class ManifestYaml {
  private ManifestYaml() {}

  /** The manifest's text, which loads as an equal model. */
  public static String write(VmManifest manifest) throws IOException {
    StringWriter text = new StringWriter();
    YAMLFactory factory =
        YAMLFactory.builder().disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER).build();
    try (YAMLGenerator out = factory.createGenerator(text)) {
      value(ManifestWriter.write(manifest), out);
    }
    return text.toString();
  }

  private static void value(Object value, YAMLGenerator out) throws IOException {
    switch (value) {
      case String string -> out.writeString(string);
      case Boolean bool -> out.writeBoolean(bool);
      case Integer number -> out.writeNumber(number);
      case Long number -> out.writeNumber(number);
      case Map<?, ?> map -> {
        out.writeStartObject();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          out.writeFieldName((String) entry.getKey());
          value(entry.getValue(), out);
        }
        out.writeEndObject();
      }
      case Collection<?> items -> {
        out.writeStartArray();
        for (Object item : items) {
          value(item, out);
        }
        out.writeEndArray();
      }
      default -> throw new IllegalStateException("a manifest holds " + value.getClass());
    }
  }
}
