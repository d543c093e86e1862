package dev.basepoint.launcher.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * Where figures come from, since they mean nothing without it.
 *
 * @param load the load average of the last minute, other users' included
 */
public record Host(String cpu, int cpus, String kernel, String jvm, double load) {
  /** Reads this host. */
  static Host read() throws IOException {
    String cpu =
        Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
            .filter(line -> line.startsWith("model name"))
            .map(line -> line.substring(line.indexOf(':') + 1).strip())
            .findFirst()
            .orElse("unknown");
    String loads = Files.readString(Path.of("/proc/loadavg"));
    return new Host(
        cpu,
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.version"),
        System.getProperty("java.vm.version"),
        Double.parseDouble(loads.substring(0, loads.indexOf(' '))));
  }

  SequencedMap<String, Object> toJson() {
    SequencedMap<String, Object> json = new LinkedHashMap<>();
    json.put("cpu", cpu);
    json.put("cpus", cpus);
    json.put("kernel", kernel);
    json.put("jvm", jvm);
    json.put("load", load);
    return json;
  }

  /** One line for people. */
  public String describe() {
    return cpus + " x " + cpu + ", Linux " + kernel + ", JVM " + jvm + ", load " + load;
  }
}
