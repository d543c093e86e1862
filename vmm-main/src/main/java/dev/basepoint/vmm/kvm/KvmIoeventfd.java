package dev.basepoint.vmm.kvm;

/**
 * The argument of KVM_IOEVENTFD (KVM API 4.59).
 *
 * <pre>
 *   struct kvm_ioeventfd
 *   0           8      16    20   24      28        64
 *   +-----------+------+-----+----+-------+---------+
 *   | datamatch | addr | len | fd | flags | pad     |
 *   +-----------+------+-----+----+-------+---------+
 * </pre>
 */
final class KvmIoeventfd {
  static final long DATAMATCH = 0;
  static final long ADDR = DATAMATCH + Long.BYTES;
  static final long LEN = ADDR + Long.BYTES;
  static final long FD = LEN + Integer.BYTES;
  static final long FLAGS = FD + Integer.BYTES;
  static final long PAD = FLAGS + Integer.BYTES;
  static final long BYTES = PAD + 36;

  static final int KVM_IOEVENTFD_FLAG_DATAMATCH = 1;
  static final int KVM_IOEVENTFD_FLAG_DEASSIGN = 4;

  private KvmIoeventfd() {}
}
