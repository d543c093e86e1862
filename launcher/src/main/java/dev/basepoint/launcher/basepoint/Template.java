package dev.basepoint.launcher.basepoint;

import java.time.Instant;
import java.util.List;
import java.util.SequencedMap;

/**
 * A VM at its basepoint, as it is kept in a directory of its own.
 *
 * @param kind what it is for
 * @param name unique among the templates of a state directory
 * @param tenant to whom it belongs; nobody else may use it
 * @param created when it was made
 * @param vmmVersion the program that made it
 * @param memoryBytes guest RAM
 * @param vcpus virtual CPUs
 * @param cpu of the host that it was made on
 * @param devices in the order of their slots
 * @param disks the block devices among them
 * @param files every file of the directory by name, except the description and its checksum
 * @param limits when it must be made anew
 */
public record Template(
    Kind kind,
    String name,
    String tenant,
    Instant created,
    String vmmVersion,
    long memoryBytes,
    int vcpus,
    CpuFingerprint cpu,
    List<TemplateDevice> devices,
    List<TemplateDisk> disks,
    SequencedMap<String, StoredFile> files,
    TemplateLimits limits) {
  /** The manifest, every default spelled out and every path absolute. */
  public static final String MANIFEST = "manifest.yaml";

  /** The state of CPUs, chips and devices. */
  public static final String STATE = "state.bin";

  /** Guest RAM, sparse. */
  public static final String RAM = "ram.bin";

  /** What a stored VM is for. */
  public enum Kind {
    /** Forked any number of times, copy-on-write. */
    TEMPLATE("template"),
    /** Restored. */
    SNAPSHOT("snapshot");

    private final String key;

    Kind(String key) {
      this.key = key;
    }

    /** The kind's word in files and messages. */
    public String key() {
      return key;
    }

    /** The directory below the state directory that holds this kind. */
    public String directory() {
      return key + "s";
    }
  }

  public Template {
    devices = List.copyOf(devices);
    disks = List.copyOf(disks);
  }

  /**
   * @throws TemplateException if the template belongs to another tenant than {@code tenant}
   */
  public void requireTenant(String tenant) throws TemplateException {
    if (!this.tenant.equals(tenant)) {
      throw new TemplateException(
          TemplateException.Reason.OTHER_TENANT,
          kind.key()
              + " "
              + name
              + " belongs to another tenant than "
              + tenant
              + "; make one of your own");
    }
  }
}
