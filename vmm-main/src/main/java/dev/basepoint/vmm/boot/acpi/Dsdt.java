package dev.basepoint.vmm.boot.acpi;

import dev.basepoint.vmm.machine.GuestLayout;
import java.util.List;

/** The tree of devices: the serial port and every virtio-mmio device. */
final class Dsdt {
  /** 2: integers have 64 bits. */
  private static final int REVISION = 2;

  private static final int COM1_PORTS = 8;

  private Dsdt() {}

  static byte[] build(List<AcpiDevice> devices) {
    byte[][] children = new byte[devices.size() + 1][];
    children[0] = serialPort();
    for (int i = 0; i < devices.size(); i++) {
      children[i + 1] = virtioDevice(i, devices.get(i));
    }
    byte[] s5 =
        Aml.name("_S5_", Aml.pack(Aml.integer(Fadt.SLP_TYP_S5), Aml.integer(Fadt.SLP_TYP_S5)));
    byte[] body = new ByteSink().bytes(Aml.scope("_SB_", children)).bytes(s5).toBytes();
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
