package dev.basepoint.vmm.kvm;

/**
 * The argument of KVM_IRQFD (KVM API 4.75).
 *
 * <pre>
 *   struct kvm_irqfd
 *   0    4     8       12           16         32
 *   +----+-----+-------+------------+----------+
 *   | fd | gsi | flags | resamplefd | pad      |
 *   +----+-----+-------+------------+----------+
 * </pre>
 */
final class KvmIrqfd {
  static final long FD = 0;
  static final long GSI = FD + Integer.BYTES;
  static final long FLAGS = GSI + Integer.BYTES;
  static final long RESAMPLEFD = FLAGS + Integer.BYTES;
  static final long PAD = RESAMPLEFD + Integer.BYTES;
  static final long BYTES = PAD + 16;

  private KvmIrqfd() {}
}
