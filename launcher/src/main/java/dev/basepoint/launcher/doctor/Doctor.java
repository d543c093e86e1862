package dev.basepoint.launcher.doctor;

import dev.basepoint.sandbox.jail.HostIsolation;
import java.io.IOException;
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
    String path = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
    return new Doctor(files, new Tools(path));
  }

  /** All findings, those about KVM first; takes well below a second. */
  public List<Finding> inspect() {
    List<Finding> findings = new ArrayList<>();
    findings.addAll(new KvmChecks(files).inspect());
    findings.addAll(isolation());
    findings.addAll(new CgroupChecks(files).inspect());
    findings.addAll(new NetworkChecks(files).inspect());
    findings.addAll(new MachineChecks(files, tools).inspect());
    return findings;
  }

  private List<Finding> isolation() {
    try {
      return new IsolationChecks(files, HostIsolation.examine()).inspect();
    } catch (IOException e) {
      return List.of(IsolationChecks.unknown(e));
    }
  }
}
