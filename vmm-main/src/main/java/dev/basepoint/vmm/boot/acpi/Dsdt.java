package dev.basepoint.vmm.boot.acpi;

import dev.basepoint.vmm.machine.GuestLayout;
import java.util.ArrayList;
import java.util.List;

/** The tree of devices: the serial port, the VM generation id and every virtio-mmio device. */
final class Dsdt {
  /** 2: integers have 64 bits. */
  private static final int REVISION = 2;

  private static final int COM1_PORTS = 8;
  private static final String GENERATION_COUNTER = "VGEN";
  private static final int NOTIFY_STATUS_CHANGE = 0x80;

  private Dsdt() {}

  static byte[] build(List<AcpiDevice> devices) {
    List<byte[]> children = new ArrayList<>();
    children.add(serialPort());
    children.add(generationCounter());
    children.add(eventDevice());
    for (int i = 0; i < devices.size(); i++) {
      children.add(virtioDevice(i, devices.get(i)));
    }
    byte[] s5 =
        Aml.name("_S5_", Aml.pack(Aml.integer(Fadt.SLP_TYP_S5), Aml.integer(Fadt.SLP_TYP_S5)));
    byte[] body =
        new ByteSink()
            .bytes(Aml.scope("_SB_", children.toArray(byte[][]::new)))
            .bytes(s5)
            .toBytes();
    return AcpiTable.finish("DSDT", REVISION, body);
  }

  private static byte[] serialPort() {
    return Aml.device(
        "COM1",
        Aml.name("_HID", Aml.eisaId("PNP0501")),
        Aml.name("_UID", Aml.integer(0)),
        Aml.name(
            "_CRS",
            new AmlResources()
                .io(GuestLayout.COM1_PORT, COM1_PORTS)
                .edgeInterrupt(GuestLayout.COM1_GSI)
                .toAml()));
  }

  /**
   * The VM generation id (Microsoft's "Virtual Machine Generation ID" specification): ADDR is where
   * it lies, and a notification says that it has changed. Hyper-V's newer name stands beside the
   * specified one, since ACPI ids were once limited to eight characters.
   */
  private static byte[] generationCounter() {
    return Aml.device(
        GENERATION_COUNTER,
        Aml.name("_HID", Aml.string("BSPT0001")),
        Aml.name("_CID", Aml.pack(Aml.string("VM_Gen_Counter"), Aml.string("VMGENCTR"))),
        Aml.name("_DDN", Aml.string("VM_Gen_Counter")),
        Aml.name("ADDR", Aml.pack(Aml.integer((int) GuestLayout.IDENTITY_GPA), Aml.integer(0))));
  }

  /**
   * The generic event device (ACPI 6.5 section 5.6.9), with which hardware-reduced machines tell of
   * events. It has one interrupt, so its method need not ask which it was.
   */
  private static byte[] eventDevice() {
    return Aml.device(
        "GED0",
        Aml.name("_HID", Aml.string("ACPI0013")),
        Aml.name("_UID", Aml.integer(0)),
        Aml.name("_CRS", new AmlResources().edgeInterrupt(GuestLayout.GENERATION_GSI).toAml()),
        Aml.method("_EVT", 1, Aml.notify(GENERATION_COUNTER, NOTIFY_STATUS_CHANGE)));
  }

  /** _CCA: the device's view of memory is coherent, as virtio over shared memory always is. */
  private static byte[] virtioDevice(int index, AcpiDevice device) {
    return Aml.device(
        "VR%02X".formatted(index),
        Aml.name("_HID", Aml.string("LNRO0005")),
        Aml.name("_UID", Aml.integer(index)),
        Aml.name("_CCA", Aml.integer(1)),
        Aml.name(
            "_CRS",
            new AmlResources()
                .memory32(device.baseGpa(), device.sizeBytes())
                .edgeInterrupt(device.gsi())
                .toAml()));
  }
}
