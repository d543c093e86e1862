package dev.basepoint.vmm.kvm;

/**
 * The argument of KVM_SET_USER_MEMORY_REGION (KVM API 4.35).
 *
 * <pre>
 *   struct kvm_userspace_memory_region
 *   0      4       8                 16            24               32
 *   +------+-------+-----------------+-------------+----------------+
 *   | slot | flags | guest_phys_addr | memory_size | userspace_addr |
 *   +------+-------+-----------------+-------------+----------------+
 * </pre>
 */
final class KvmUserspaceMemoryRegion {
  static final long SLOT = 0;
  static final long FLAGS = SLOT + Integer.BYTES;
  static final long GUEST_PHYS_ADDR = FLAGS + Integer.BYTES;
  static final long MEMORY_SIZE = GUEST_PHYS_ADDR + Long.BYTES;
  static final long USERSPACE_ADDR = MEMORY_SIZE + Long.BYTES;
  static final long BYTES = USERSPACE_ADDR + Long.BYTES;

  private KvmUserspaceMemoryRegion() {}
}
