package dev.basepoint.vmm.serial;

/**
 * Modem control and status: a peer that is always there, or in loop-back mode the port's own
 * outputs.
 *
 * <pre>
 *   MCR   0 DTR | 1 RTS | 2 OUT1 | 3 OUT2 | 4 LOOP
 *   MSR   0 to 3: 4 to 7 have changed since last read (2: RI has ended) | 4 CTS | 5 DSR | 6 RI | 7 DCD
 * </pre>
 */
final class ModemLines {
  private static final int MCR_DTR = 1;
  private static final int MCR_RTS = 1 << 1;
  private static final int MCR_OUT1 = 1 << 2;
  private static final int MCR_OUT2 = 1 << 3;
  private static final int MCR_LOOP = 1 << 4;
  private static final int MCR_MASK = 0x1f;

  private static final int MSR_TERI = 1 << 2;
  private static final int MSR_DELTA_MASK = 0xf;
  private static final int MSR_DELTA_SHIFT = 4;
  private static final int MSR_CTS = 1 << 4;
  private static final int MSR_DSR = 1 << 5;
  private static final int MSR_RI = 1 << 6;
  private static final int MSR_DCD = 1 << 7;

  private int mcr;
  private int deltas;

  boolean isLoopBack() {
    return (mcr & MCR_LOOP) != 0;
  }

  /** Whether a change has not been read yet. */
  boolean hasChanged() {
    return deltas != 0;
  }

  int mcr() {
    return mcr;
  }

  void setMcr(int value) {
    int before = lines();
    mcr = value & MCR_MASK;
    int after = lines();
    // RI reports only its trailing edge.
    boolean ringEnded = (before & MSR_RI) != 0 && (after & MSR_RI) == 0;
    deltas |= ((before ^ after) >> MSR_DELTA_SHIFT & ~MSR_TERI) | (ringEnded ? MSR_TERI : 0);
  }

  /** MSR; reading it forgets the changes. */
  int readMsr() {
    int value = lines() | deltas;
    deltas = 0;
    return value;
  }

  private int lines() {
    if (!isLoopBack()) {
      return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0)
        | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
        | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0)
        | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
  }

  /** Control register and unread changes, to be saved. */
  int saved() {
    return mcr | deltas << Byte.SIZE;
  }

  void restore(int saved) {
    mcr = saved & MCR_MASK;
    deltas = saved >> Byte.SIZE & MSR_DELTA_MASK;
  }
}
