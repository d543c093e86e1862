package dev.basepoint.vmm.state;

/** What a section of a saved machine holds. Numbers are for ever: they are in files. */
public enum SectionKind {
  /** A vCPU's groups and MSRs; the index is the vCPU's. */
  VCPU(1),
  /** A PIC or the IOAPIC; the index is KVM's chip id. */
  IRQCHIP(2),
  PIT(3),
  CLOCK(4),
  /** The serial port's registers and FIFO. */
  UART(5),
  /** A virtio device's registers and queues; the index is the device's. */
  VIRTIO(6);

  private final int wireNumber;

  SectionKind(int wireNumber) {
    this.wireNumber = wireNumber;
  }

  int wireNumber() {
    return wireNumber;
  }

  /** The kind with that number, or null. */
  static SectionKind of(int wireNumber) {
    for (SectionKind kind : values()) {
      if (kind.wireNumber == wireNumber) {
        return kind;
      }
    }
    return null;
  }
}
