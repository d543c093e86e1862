package dev.basepoint.vmm.boot.acpi;

/**
 * A virtio-mmio device as ACPI describes it.
 *
 * @param baseGpa of its registers, below 4 GiB
 * @param sizeBytes of its registers
 * @param gsi its interrupt, edge-triggered
 */
public record AcpiDevice(long baseGpa, long sizeBytes, int gsi) {}
