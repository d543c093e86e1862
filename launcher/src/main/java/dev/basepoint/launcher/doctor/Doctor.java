package dev.basepoint.launcher.doctor;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Finds out what this host offers. */
public final class Doctor {
  private final HostFiles files;
  private final Tools tools;

  private Doctor(HostFiles files, Tools tools) {
    this.files = files;
    this.tools = tools;
  }

  /** A doctor for the host that this process runs on. */
  public static Doctor ofThisHost() {
    HostFiles files = new HostFiles(Path.of("/"));
    boolean root =
        files.field("/proc/self/status", "Uid").map(ids -> ids.startsWith("0")).orElse(false);
    String path = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
    return new Doctor(files, new Tools(path, root));
  }

  /** All findings, those about KVM first; takes well below a second. */
  public List<Finding> inspect() {
    List<Finding> findings = new ArrayList<>();
    findings.addAll(new KvmChecks(files).inspect());
    findings.addAll(new IsolationChecks(files, tools).inspect());
    findings.addAll(new CgroupChecks(files).inspect());
    findings.addAll(new NetworkChecks(files).inspect());
    findings.addAll(new MachineChecks(files, tools).inspect());
    return findings;
  }
}
