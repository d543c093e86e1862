package dev.basepoint.launcher.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.basepoint.sandbox.jail.HostIsolation;
import dev.basepoint.sandbox.jail.HostIsolation.Facility;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Verdicts about hosts that are made of files. */
final class DoctorTest {
  @TempDir private Path root;

  private void file(String path, String text) throws Exception {
    Path file = root.resolve(path.substring(1));
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private Finding kind(String flags) throws Exception {
    file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu " + flags + " sse\nother : x\n");
    return new KvmChecks(new HostFiles(root)).kind();
  }

  private Finding finding(List<Finding> findings, String feature) {
    return findings.stream()
        .filter(finding -> finding.feature().equals(feature))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void kindOfKvm() throws Exception {
    assertEquals(Verdict.OK, kind("vmx").verdict());
    assertEquals("hardware, VT-x (vmx), nested", kind("vmx hypervisor").detail());
    assertEquals("hardware, SVM (svm)", kind("svm").detail());
    assertEquals(Verdict.MISSING, kind("none").verdict());
    assertTrue(kind("hypervisor").advice().contains("nested"));
    Files.createDirectories(root.resolve("sys/module/kvm_pvm"));
    assertEquals(Verdict.DEGRADED, kind("hypervisor").verdict());
  }

  @Test
  void missingKvmPreventsRunning() {
    List<Finding> findings = new KvmChecks(new HostFiles(root)).inspect();
    Finding device = finding(findings, "/dev/kvm");
    assertTrue(device.preventsRunning());
    assertEquals("does not exist", device.detail());
  }

  @Test
  void fileThatIsNoKvmPreventsRunning() throws Exception {
    file("/dev/kvm", "");
    List<Finding> findings = new KvmChecks(new HostFiles(root)).inspect();
    assertTrue(finding(findings, "API version").preventsRunning());
    assertTrue(finding(findings, "creating a VM").preventsRunning());
    assertTrue(finding(findings, "KVM_CAP_IRQFD").preventsRunning());
    assertFalse(finding(findings, "KVM_CAP_MP_STATE").preventsRunning());
  }

  private static Facility facility(String name, boolean present) {
    return new Facility(name, present, present ? "" : "no " + name, true);
  }

  private List<Finding> isolation(Facility... facilities) {
    return new IsolationChecks(new HostFiles(root), new HostIsolation(List.of(facilities)))
        .inspect();
  }

  @Test
  void namespaces() throws Exception {
    for (String name : List.of("mnt", "pid", "net", "uts")) {
      file("/proc/self/ns/" + name, "");
    }
    file("/proc/sys/user/max_net_namespaces", "0\n");
    List<Finding> findings =
        isolation(
            facility("mount namespace", false),
            facility("pid namespace", true),
            facility("net namespace", false),
            facility("cgroup namespace", false));
    assertEquals(Verdict.MISSING, finding(findings, "mount namespace").verdict());
    assertEquals("no mount namespace", finding(findings, "mount namespace").detail());
    assertEquals(Verdict.OK, finding(findings, "pid namespace").verdict());
    assertEquals("forbidden by /proc/sys/user", finding(findings, "net namespace").detail());
    assertEquals("not in this kernel", finding(findings, "cgroup namespace").detail());
    assertEquals(Verdict.MISSING, finding(findings, "seccomp").verdict());
  }

  @Test
  void strictSandbox() {
    Finding refused =
        finding(
            isolation(facility("landlock", false), facility("control group", false)),
            "strict sandbox");
    assertEquals(Verdict.MISSING, refused.verdict());
    assertEquals("lacks: landlock (no landlock)", refused.detail());
    assertFalse(refused.preventsRunning());
    Finding weaker =
        finding(
            isolation(facility("landlock", true), facility("control group", false)),
            "strict sandbox");
    assertEquals(Verdict.DEGRADED, weaker.verdict());
    assertEquals("works without: control group (no control group)", weaker.detail());
    Finding whole = finding(isolation(facility("landlock", true)), "strict sandbox");
    assertEquals(Verdict.OK, whole.verdict());
  }

  @Test
  void seccomp() throws Exception {
    file("/proc/self/status", "Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n");
    file("/proc/sys/kernel/seccomp/actions_avail", "kill_process user_notif errno allow\n");
    assertEquals(Verdict.OK, finding(isolation(), "seccomp").verdict());
    file("/proc/sys/kernel/seccomp/actions_avail", "kill_thread errno allow\n");
    assertEquals(Verdict.DEGRADED, finding(isolation(), "seccomp").verdict());
  }

  private Finding cgroupFinding() {
    return new CgroupChecks(new HostFiles(root)).inspect().getFirst();
  }

  @Test
  void cgroups() throws Exception {
    assertEquals("none mounted", cgroupFinding().detail());
    file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory pids\n");
    assertEquals("v2, writable: cpu cpuset memory pids", cgroupFinding().detail());
    file("/sys/fs/cgroup/cgroup.controllers", "cpu\n");
    assertEquals(Verdict.DEGRADED, cgroupFinding().verdict());
    file("/sys/fs/cgroup/cgroup.controllers", "");
    assertEquals(Verdict.MISSING, cgroupFinding().verdict());
    file("/proc/cgroups", "#subsys_name\tx\ncpu\t1\nmemory\t1\npids\t1\n");
    Files.createDirectories(root.resolve("sys/fs/cgroup/all"));
    file("/proc/self/mounts", "cgroup /sys/fs/cgroup/all cgroup rw,cpu,memory,pids 0 0\n");
    assertEquals("v1, writable: cpu memory pids", cgroupFinding().detail());
  }

  @Test
  void tap() throws Exception {
    HostFiles files = new HostFiles(root);
    assertEquals(Verdict.MISSING, new NetworkChecks(files).inspect().getFirst().verdict());
    file("/dev/net/tun", "");
    file("/proc/self/status", "CapEff:\t0000000000000000\n");
    assertEquals(Verdict.DEGRADED, new NetworkChecks(files).inspect().getFirst().verdict());
    file("/proc/self/status", "CapEff:\t000001ffffffffff\n");
    assertEquals(Verdict.OK, new NetworkChecks(files).inspect().getFirst().verdict());
  }

  @Test
  void machine() throws Exception {
    assertEquals(Verdict.OK, MachineChecks.kernel("6.18.44-fc").verdict());
    assertEquals(Verdict.OK, MachineChecks.kernel("5.11").verdict());
    assertTrue(MachineChecks.kernel("5.10.0-28-amd64").preventsRunning());
    assertTrue(MachineChecks.kernel("odd").preventsRunning());
    assertEquals(Verdict.DEGRADED, MachineChecks.cpus(1).verdict());
    file("/proc/meminfo", "MemTotal:  1048576 kB\nMemAvailable:  102400 kB\n");
    file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    List<Finding> findings =
        new MachineChecks(new HostFiles(root), new Tools(root.toString())).inspect();
    assertEquals("100 of 1024 MiB available", finding(findings, "memory").detail());
    assertEquals(Verdict.DEGRADED, finding(findings, "memory").verdict());
    assertEquals("transparent: madvise, reserved: 0", finding(findings, "huge pages").detail());
    assertEquals(Verdict.MISSING, finding(findings, "gcc").verdict());
    assertFalse(finding(findings, "gcc").preventsRunning());
  }
}
