package dev.basepoint.launcher.output;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.Syscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Makes a terminal pass every key on as it is typed, without echo, until closed or until the
 * process ends in any way but SIGKILL.
 *
 * <pre>
 *   struct termios of the kernel (asm-generic/termbits.h)
 *   0         4         8         12        16     17           36
 *   +---------+---------+---------+---------+------+------------+
 *   | c_iflag | c_oflag | c_cflag | c_lflag | line | c_cc[19]   |
 *   +---------+---------+---------+---------+------+------------+
 * </pre>
 */
public final class RawTerminal implements AutoCloseable {
  private static final long TCGETS = 0x5401;
  private static final long TCSETSW = 0x5403;
  private static final int TERMIOS_BYTES = 36;

  private static final int IFLAG = 0;
  private static final int CFLAG = 8;
  private static final int LFLAG = 12;
  private static final int CC = 17;
  private static final int VTIME = 5;
  private static final int VMIN = 6;

  /** IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON. */
  private static final int IFLAG_OFF = 01 | 02 | 010 | 040 | 0100 | 0200 | 0400 | 02000;

  /** ISIG, ICANON, ECHO, ECHONL, IEXTEN. */
  private static final int LFLAG_OFF = 01 | 02 | 010 | 0100 | 0100000;

  private static final int CSIZE = 060;
  private static final int PARENB = 0400;
  private static final int CS8 = 060;

  private final Fd terminal;
  private final MemorySegment before = Arena.ofAuto().allocate(TERMIOS_BYTES, 8);
  private final Thread atExit = new Thread(this::restore, "terminal-restore");

  private RawTerminal(Fd terminal) {
    this.terminal = terminal;
  }

  /**
   * Changes a terminal's mode.
   *
   * @param terminal stays the caller's
   * @throws ErrnoException ENOTTY if it is none
   */
  public static RawTerminal enter(Fd terminal) throws ErrnoException {
    RawTerminal raw = new RawTerminal(terminal);
    ErrnoException.check(
        Syscalls.ioctl(terminal.number(), TCGETS, raw.before), "TCGETS, is it a terminal?");
    Runtime.getRuntime().addShutdownHook(raw.atExit);
    MemorySegment mode = Arena.ofAuto().allocate(TERMIOS_BYTES, 8).copyFrom(raw.before);
    clear(mode, IFLAG, IFLAG_OFF);
    clear(mode, LFLAG, LFLAG_OFF);
    clear(mode, CFLAG, CSIZE | PARENB);
    // Output processing stays on: guests end lines with a line feed alone.
    mode.set(ValueLayout.JAVA_INT, CFLAG, mode.get(ValueLayout.JAVA_INT, CFLAG) | CS8);
    mode.set(ValueLayout.JAVA_BYTE, CC + VMIN, (byte) 1);
    mode.set(ValueLayout.JAVA_BYTE, CC + VTIME, (byte) 0);
    ErrnoException.check(Syscalls.ioctl(terminal.number(), TCSETSW, mode), "TCSETSW");
    return raw;
  }

  private static void clear(MemorySegment mode, int offset, int flags) {
    mode.set(ValueLayout.JAVA_INT, offset, mode.get(ValueLayout.JAVA_INT, offset) & ~flags);
  }

  private void restore() {
    // A terminal that has gone away needs no restoring.
    Syscalls.ioctl(terminal.number(), TCSETSW, before);
  }

  @Override
  public void close() {
    restore();
    try {
      Runtime.getRuntime().removeShutdownHook(atExit);
    } catch (IllegalStateException e) {
      // The process is ending, and the hook restores once more.
    }
  }
}
