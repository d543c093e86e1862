package dev.basepoint.vmm.boot.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AcpiTablesTest {
  private static final long BASE = 0xe0000;
  private static final Path IASL = Path.of("/usr/bin/iasl");

  @TempDir Path directory;

  private final ByteBuffer tables =
      ByteBuffer.wrap(AcpiTables.build(BASE, 3, devices(16))).order(ByteOrder.LITTLE_ENDIAN);

  private static List<AcpiDevice> devices(int count) {
    List<AcpiDevice> devices = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      devices.add(new AcpiDevice(0xd0000000L + i * 0x1000L, 0x1000, 5 + i));
    }
    return devices;
  }

  private String text(int at, int count) {
    byte[] bytes = new byte[count];
    tables.get(at, bytes);
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  private void assertSumIsZero(int at, int count) {
    byte sum = 0;
    for (int i = 0; i < count; i++) {
      sum += tables.get(at + i);
    }
    assertEquals(0, sum);
  }

  /** Checks signature and checksum of the table at a GPA; returns its offset. */
  private int table(long gpa, String signature) {
    int at = Math.toIntExact(gpa - BASE);
    assertEquals(0, at % 16);
    assertEquals(signature, text(at, 4));
    assertSumIsZero(at, tables.getInt(at + 4));
    return at;
  }

  @Test
  void everyTableIsReachableFromTheRootPointer() {
    assertEquals("RSD PTR ", text(0, 8));
    assertSumIsZero(0, 20);
    assertSumIsZero(0, 36);
    int xsdt = table(tables.getLong(24), "XSDT");
    assertEquals(36 + 2 * 8, tables.getInt(xsdt + 4));
    int fadt = table(tables.getLong(xsdt + 36), "FACP");
    assertEquals(Fadt.BYTES, tables.getInt(fadt + 4));
    assertEquals(0x64, tables.getLong(fadt + 116 + 4));
    assertEquals((byte) 0xfe, tables.get(fadt + 128));
    assertEquals(0x600, tables.getLong(fadt + 244 + 4));
    assertEquals(0x601, tables.getLong(fadt + 256 + 4));
    assertEquals(tables.getInt(fadt + 40), tables.getLong(fadt + 140));
    table(tables.getLong(fadt + 140), "DSDT");
    int madt = table(tables.getLong(xsdt + 44), "APIC");
    assertEquals(44 + 3 * 8 + 12 + 6, tables.getInt(madt + 4));
    assertEquals(2, tables.get(madt + 44 + 2 * 8 + 3), "APIC id of the third processor");
  }

  @Test
  void theReferenceDisassemblerReadsWhatWasMeant() throws Exception {
    assumeTrue(Files.isExecutable(IASL), "skipped: iasl (package acpica-tools) is not installed");
    int xsdt = table(tables.getLong(24), "XSDT");
    int fadt = table(tables.getLong(xsdt + 36), "FACP");
    String dsdt = disassemble("dsdt", table(tables.getLong(fadt + 140), "DSDT"));
    assertTrue(dsdt.contains("Device (COM1)"), dsdt);
    assertTrue(dsdt.contains("EisaId (\"PNP0501\")"), dsdt);
    assertTrue(dsdt.contains("IO (Decode16"), dsdt);
    assertTrue(dsdt.contains("Device (VR0F)"), dsdt);
    assertTrue(dsdt.contains("\"LNRO0005\""), dsdt);
    assertTrue(dsdt.contains("0xD000F000,         // Address Base"), dsdt);
    assertTrue(dsdt.contains("Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive"), dsdt);
    assertTrue(dsdt.contains("0x00000014,"), "GSI 20 of the last device: " + dsdt);
    assertTrue(dsdt.contains("Name (_S5"), dsdt);
    assertTrue(dsdt.contains("\"VM_Gen_Counter\""), dsdt);
    assertTrue(dsdt.contains("0x000DF000"), "the identity page: " + dsdt);
    assertTrue(dsdt.contains("\"ACPI0013\""), dsdt);
    assertTrue(dsdt.contains("0x00000015,"), "GSI 21 of the event device: " + dsdt);
    assertTrue(dsdt.contains("Method (_EVT, 1, Serialized)"), dsdt);
    assertTrue(dsdt.contains("Notify (VGEN, 0x80)"), dsdt);
    String fadtText = disassemble("fadt", fadt);
    assertTrue(fadtText.contains("Hardware Reduced (V5) : 1"), fadtText);
    assertTrue(fadtText.contains("Reset Register Supported (V2) : 1"), fadtText);
    String madtText = disassemble("madt", table(tables.getLong(xsdt + 44), "APIC"));
    assertEquals(3, madtText.split("\\[Processor Local APIC\\]", -1).length - 1, madtText);
    assertTrue(madtText.contains("[I/O APIC]"), madtText);
  }

  private String disassemble(String name, int at) throws Exception {
    byte[] bytes = new byte[tables.getInt(at + 4)];
    tables.get(at, bytes);
    Path file = Files.write(directory.resolve(name + ".aml"), bytes);
    Process process =
        new ProcessBuilder(IASL.toString(), "-d", file.toString())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "iasl");
    assertEquals(0, process.exitValue(), output);
    assertTrue(!output.contains("Error") && !output.contains("Warning"), output);
    return Files.readString(directory.resolve(name + ".dsl"));
  }
}
