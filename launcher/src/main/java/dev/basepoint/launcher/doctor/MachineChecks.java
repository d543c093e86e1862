package dev.basepoint.launcher.doctor;

import java.util.ArrayList;
import java.util.List;

/** Processor, memory, kernel, JVM and programs that are good to have. */
final class MachineChecks {
  private static final String AREA = "machine";
  private static final long MIB_WANTED = 512;
  private static final int KERNEL_MAJOR_WANTED = 5;
  private static final int KERNEL_MINOR_WANTED = 11;
  private static final int JDK_WANTED = 25;

  /** A program and what it is for. */
  private record Program(String name, String use) {}

  private static final List<Program> PROGRAMS =
      List.of(
          new Program("gcc", "rebuilding the probe guest"),
          new Program("qemu-system-x86_64", "comparing with QEMU and testing with Linux guests"),
          new Program("passt", "the example passt.yaml"),
          new Program("ip", "making network namespaces"));

  private final HostFiles files;
  private final Tools tools;

  MachineChecks(HostFiles files, Tools tools) {
    this.files = files;
    this.tools = tools;
  }

  List<Finding> inspect() {
    List<Finding> findings = new ArrayList<>();
    findings.add(kernel(System.getProperty("os.version")));
    findings.add(cpus(Runtime.getRuntime().availableProcessors()));
    findings.add(memory());
    findings.add(hugePages());
    findings.add(jdk());
    findings.add(startupCache());
    for (Program program : PROGRAMS) {
      findings.add(
          tools
              .find(program.name)
              .map(path -> Finding.ok("tools", program.name, path.toString()))
              .orElseGet(
                  () ->
                      Finding.missing(
                          "tools", program.name, "not found", "only for " + program.use)));
    }
    return findings;
  }

  static Finding kernel(String release) {
    String[] parts = release.split("[^0-9]+", -1);
    int major = parts[0].isEmpty() ? 0 : Integer.parseInt(parts[0]);
    int minor = parts.length < 2 || parts[1].isEmpty() ? 0 : Integer.parseInt(parts[1]);
    boolean enough =
        major > KERNEL_MAJOR_WANTED
            || (major == KERNEL_MAJOR_WANTED && minor >= KERNEL_MINOR_WANTED);
    return enough
        ? Finding.ok(AREA, "Linux", release).asRequired()
        : Finding.missing(AREA, "Linux", release, "pidfds and epoll_pwait2 need Linux 5.11")
            .asRequired();
  }

  static Finding cpus(int count) {
    return count >= 2
        ? Finding.ok(AREA, "processors", Integer.toString(count))
        : Finding.degraded(
            AREA, "processors", "1", "VMs run, but the guest and its devices take turns");
  }

  private Finding memory() {
    long total = mib("MemTotal");
    long available = mib("MemAvailable");
    String detail = available + " of " + total + " MiB available";
    return available >= MIB_WANTED
        ? Finding.ok(AREA, "memory", detail)
        : Finding.degraded(
            AREA,
            "memory",
            detail,
            "a VM with three devices takes its RAM and about 200 MiB; free some memory");
  }

  private long mib(String field) {
    return files
        .field("/proc/meminfo", field)
        .map(text -> Long.parseLong(text.replaceAll("[^0-9]", "")) / 1024)
        .orElse(0L);
  }

  private Finding hugePages() {
    String transparent =
        files.text("/sys/kernel/mm/transparent_hugepage/enabled").orElse("not in this kernel");
    String chosen = transparent.replaceAll(".*\\[(\\w+)\\].*", "$1");
    long reserved = files.number("/proc/sys/vm/nr_hugepages").orElse(0L);
    return Finding.ok(AREA, "huge pages", "transparent: " + chosen + ", reserved: " + reserved);
  }

  private static Finding jdk() {
    int feature = Runtime.version().feature();
    String detail = System.getProperty("java.vm.version");
    return feature >= JDK_WANTED
        ? Finding.ok(AREA, "JDK", detail).asRequired()
        : Finding.missing(AREA, "JDK", detail, "install JDK 25 or newer").asRequired();
  }

  private static Finding startupCache() {
    String feature = "start-up cache (AOT)";
    return System.getProperty("vmm.aotCache", "").isEmpty()
        ? Finding.degraded(
            AREA,
            feature,
            "not in use",
            "starts take longer; ./vmm-launch makes it after a build, .build/train.log"
                + " says why it did not")
        : Finding.ok(AREA, feature, "in use");
  }
}
