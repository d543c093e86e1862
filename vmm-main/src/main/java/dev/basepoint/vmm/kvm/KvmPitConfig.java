package dev.basepoint.vmm.kvm;

/**
 * The argument of KVM_CREATE_PIT2 (KVM API 4.71).
 *
 * <pre>
 *   struct kvm_pit_config
 *   0       4                64
 *   +-------+----------------+
 *   | flags | pad            |
 *   +-------+----------------+
 * </pre>
 */
final class KvmPitConfig {
  static final long FLAGS = 0;
  static final long PAD = FLAGS + Integer.BYTES;
  static final long BYTES = PAD + 60;

  /** Answer port 0x61 in the kernel too: Linux calibrates its TSC through it. */
  static final int KVM_PIT_SPEAKER_DUMMY = 1;

  private KvmPitConfig() {}
}
