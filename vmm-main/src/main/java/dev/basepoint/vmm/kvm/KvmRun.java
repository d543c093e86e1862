package dev.basepoint.vmm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * What a vCPU and this process tell each other about an exit (KVM API 5, struct kvm_run).
 *
 * <pre>
 *   0                          1                8             12    32
 *   +--------------------------+----------------+-------------+-----+----------------
 *   | request_interrupt_window | immediate_exit | exit_reason | ... | one of:
 *   +--------------------------+----------------+-------------+-----+----------------
 *
 *   io            32 direction u8 | 33 size u8 | 34 port u16 | 36 count u32 | 40 data_offset u64
 *   mmio          32 phys_addr u64 | 40 data u8[8] | 48 len u32 | 52 is_write u8
 *   system_event  32 type u32 | 36 ndata u32 | 40 data u64[16]
 *   internal      32 suberror u32 | 36 ndata u32 | 40 data u64[16]
 *   fail_entry    32 hardware_entry_failure_reason u64 | 40 cpu u32
 * </pre>
 *
 * The kernel is trusted, yet every offset from it is checked, since it comes for free.
 */
public final class KvmRun {
  public static final int KVM_EXIT_IO = 2;
  public static final int KVM_EXIT_HLT = 5;
  public static final int KVM_EXIT_MMIO = 6;
  public static final int KVM_EXIT_IRQ_WINDOW_OPEN = 7;
  public static final int KVM_EXIT_SHUTDOWN = 8;
  public static final int KVM_EXIT_FAIL_ENTRY = 9;
  public static final int KVM_EXIT_INTR = 10;
  public static final int KVM_EXIT_INTERNAL_ERROR = 17;
  public static final int KVM_EXIT_SYSTEM_EVENT = 24;

  public static final int KVM_SYSTEM_EVENT_SHUTDOWN = 1;
  public static final int KVM_SYSTEM_EVENT_RESET = 2;
  public static final int KVM_SYSTEM_EVENT_CRASH = 3;

  static final long IMMEDIATE_EXIT = 1;
  static final long EXIT_REASON = 8;
  static final long UNION = 32;
  static final long IO_DIRECTION = UNION;
  static final long IO_SIZE = IO_DIRECTION + Byte.BYTES;
  static final long IO_PORT = IO_SIZE + Byte.BYTES;
  static final long IO_COUNT = IO_PORT + Short.BYTES;
  static final long IO_DATA_OFFSET = IO_COUNT + Integer.BYTES;
  static final long MMIO_PHYS_ADDR = UNION;
  static final long MMIO_DATA = MMIO_PHYS_ADDR + Long.BYTES;
  static final long MMIO_LEN = MMIO_DATA + 8;
  static final long MMIO_IS_WRITE = MMIO_LEN + Integer.BYTES;
  static final long SYSTEM_EVENT_TYPE = UNION;
  static final long INTERNAL_SUBERROR = UNION;
  static final long INTERNAL_NDATA = INTERNAL_SUBERROR + Integer.BYTES;
  static final long INTERNAL_DATA = INTERNAL_NDATA + Integer.BYTES;
  static final long FAIL_ENTRY_REASON = UNION;

  /** The least that KVM_GET_VCPU_MMAP_SIZE can report: sizeof(struct kvm_run). */
  static final long BYTES_MIN = 2352;

  private static final int KVM_EXIT_IO_OUT = 1;
  private static final int INTERNAL_DATA_MAX = 16;

  private final MemorySegment segment;

  KvmRun(MemorySegment segment) {
    this.segment = segment;
  }

  /** Makes the next or the current KVM_RUN return EINTR at once. Safe from any thread. */
  public void setImmediateExit(boolean immediateExit) {
    segment.set(ValueLayout.JAVA_BYTE, IMMEDIATE_EXIT, (byte) (immediateExit ? 1 : 0));
  }

  /** One of the KVM_EXIT constants. */
  public int exitReason() {
    return segment.get(ValueLayout.JAVA_INT, EXIT_REASON);
  }

  /** Whether the guest executed OUT, not IN. */
  public boolean ioIsOut() {
    return segment.get(ValueLayout.JAVA_BYTE, IO_DIRECTION) == KVM_EXIT_IO_OUT;
  }

  /** Bytes per access: 1, 2 or 4. */
  public int ioBytes() {
    return segment.get(ValueLayout.JAVA_BYTE, IO_SIZE);
  }

  public int ioPort() {
    return Short.toUnsignedInt(segment.get(ValueLayout.JAVA_SHORT, IO_PORT));
  }

  /** Accesses in this exit; more than one for a string instruction. */
  public int ioCount() {
    return segment.get(ValueLayout.JAVA_INT, IO_COUNT);
  }

  /** The data of access {@code index}, zero-extended. */
  public int ioData(int index) {
    return (int) get(ioDataOffset(index), ioBytes());
  }

  /** Answers access {@code index}. */
  public void setIoData(int index, int value) {
    set(ioDataOffset(index), ioBytes(), value);
  }

  private long ioDataOffset(int index) {
    return segment.get(ValueLayout.JAVA_LONG, IO_DATA_OFFSET)
        + (long) Objects.checkIndex(index, ioCount()) * ioBytes();
  }

  public long mmioGpa() {
    return segment.get(ValueLayout.JAVA_LONG, MMIO_PHYS_ADDR);
  }

  /** Bytes of the access, 1 to 8. */
  public int mmioBytes() {
    return segment.get(ValueLayout.JAVA_INT, MMIO_LEN);
  }

  public boolean mmioIsWrite() {
    return segment.get(ValueLayout.JAVA_BYTE, MMIO_IS_WRITE) != 0;
  }

  /** All eight data bytes; those beyond {@link #mmioBytes} are undefined. */
  public long mmioData() {
    return segment.get(ValueLayout.JAVA_LONG, MMIO_DATA);
  }

  public void setMmioData(long value) {
    segment.set(ValueLayout.JAVA_LONG, MMIO_DATA, value);
  }

  /** One of the KVM_SYSTEM_EVENT constants, after KVM_EXIT_SYSTEM_EVENT. */
  public int systemEventType() {
    return segment.get(ValueLayout.JAVA_INT, SYSTEM_EVENT_TYPE);
  }

  /** What KVM says of an exit that nobody can handle. */
  public String describeFailure() {
    return switch (exitReason()) {
      case KVM_EXIT_INTERNAL_ERROR -> "KVM internal error " + describeInternalError();
      case KVM_EXIT_FAIL_ENTRY ->
          "the processor refused to enter the guest, reason 0x"
              + Long.toHexString(segment.get(ValueLayout.JAVA_LONG, FAIL_ENTRY_REASON));
      default -> "unexpected KVM exit reason " + exitReason();
    };
  }

  private String describeInternalError() {
    int suberror = segment.get(ValueLayout.JAVA_INT, INTERNAL_SUBERROR);
    int count = Math.clamp(segment.get(ValueLayout.JAVA_INT, INTERNAL_NDATA), 0, INTERNAL_DATA_MAX);
    StringBuilder text = new StringBuilder().append(suberror);
    text.append(suberror == 1 ? " (instruction cannot be emulated)" : "");
    for (int i = 0; i < count; i++) {
      long data = segment.get(ValueLayout.JAVA_LONG, INTERNAL_DATA + (long) i * Long.BYTES);
      text.append(i == 0 ? ", data " : " ").append(Long.toHexString(data));
    }
    return text.toString();
  }

  private long get(long offset, int bytes) {
    return switch (bytes) {
      case 1 -> Byte.toUnsignedLong(segment.get(ValueLayout.JAVA_BYTE, offset));
      case 2 -> Short.toUnsignedLong(segment.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset));
      default -> Integer.toUnsignedLong(segment.get(ValueLayout.JAVA_INT_UNALIGNED, offset));
    };
  }

  private void set(long offset, int bytes, int value) {
    switch (bytes) {
      case 1 -> segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
      case 2 -> segment.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) value);
      default -> segment.set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
    }
  }
}
