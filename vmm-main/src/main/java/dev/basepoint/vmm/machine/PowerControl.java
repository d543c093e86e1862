package dev.basepoint.vmm.machine;

import dev.basepoint.ipc.control.SupervisionEvent.StopReason;

/**
 * The ways in which a guest turns itself off.
 *
 * <p>SLEEP_CONTROL_REG (ACPI 6.5 section 4.8.3.7): SLP_TYP in bits 2 to 4, SLP_EN in bit 5. The
 * keyboard controller knows one command, the pulse on the reset line.
 */
final class PowerControl {
  /** SLP_TYP of S5, as the DSDT's _S5 package says. */
  private static final int SLP_TYP_S5 = 5;

  private static final int SLP_TYP_SHIFT = 2;
  private static final int SLP_TYP_MASK = 7;
  private static final int SLP_EN = 1 << 5;
  private static final int PULSE_RESET_LINE = 0xfe;

  private final Vm vm;

  PowerControl(Vm vm) {
    this.vm = vm;
  }

  void addTo(PortBus ports) {
    ports.add(GuestLayout.SLEEP_CONTROL_PORT, 2, new SleepRegisters());
    ports.add(GuestLayout.RESET_PORT, 1, new ResetPort());
  }

  private final class SleepRegisters implements PortDevice {
    /** Neither register has anything to say: WAK_STS stays clear, since nothing sleeps here. */
    @Override
    public int read(int offset, int bytes) {
      return 0;
    }

    @Override
    public void write(int offset, int bytes, int value) {
      boolean sleep = (value & SLP_EN) != 0;
      if (offset == 0 && sleep && (value >> SLP_TYP_SHIFT & SLP_TYP_MASK) == SLP_TYP_S5) {
        vm.end(StopReason.POWER_OFF, "ACPI S5");
      }
    }
  }

  private final class ResetPort implements PortDevice {
    /** No keyboard controller: what an unclaimed port reads. */
    @Override
    public int read(int offset, int bytes) {
      return PortBus.OPEN_BUS;
    }

    @Override
    public void write(int offset, int bytes, int value) {
      if ((value & 0xff) == PULSE_RESET_LINE) {
        vm.end(StopReason.RESET, "keyboard controller reset");
      }
    }
  }
}
