package dev.basepoint.vmm.kvm;

/**
 * Request numbers and constants of linux/kvm.h, named as there; only those in use. KVM API version
 * 12, the only one since Linux 2.6.22.
 */
final class KvmApi {
  static final int KVM_API_VERSION = 12;

  private static final int KVMIO = 0xAE;
  private static final int IOC_WRITE = 1;
  private static final int IOC_READ = 2;

  // On /dev/kvm.
  static final long KVM_GET_API_VERSION = io(0x00);
  static final long KVM_CREATE_VM = io(0x01);
  static final long KVM_GET_MSR_INDEX_LIST = ioc(IOC_READ | IOC_WRITE, 0x02, Integer.BYTES);
  static final long KVM_CHECK_EXTENSION = io(0x03);
  static final long KVM_GET_VCPU_MMAP_SIZE = io(0x04);
  static final long KVM_GET_SUPPORTED_CPUID =
      ioc(IOC_READ | IOC_WRITE, 0x05, KvmCpuid2.HEADER_BYTES);

  // On a VM.
  static final long KVM_CREATE_VCPU = io(0x41);
  static final long KVM_SET_USER_MEMORY_REGION =
      ioc(IOC_WRITE, 0x46, KvmUserspaceMemoryRegion.BYTES);
  static final long KVM_SET_TSS_ADDR = io(0x47);
  static final long KVM_SET_IDENTITY_MAP_ADDR = ioc(IOC_WRITE, 0x48, Long.BYTES);
  static final long KVM_CREATE_IRQCHIP = io(0x60);
  static final long KVM_GET_IRQCHIP = ioc(IOC_READ | IOC_WRITE, 0x62, ChipState.IRQCHIP_BYTES);

  /** Declared as reading by the kernel, though it writes. */
  static final long KVM_SET_IRQCHIP = ior(0x63, ChipState.IRQCHIP_BYTES);

  static final long KVM_IRQFD = ioc(IOC_WRITE, 0x76, KvmIrqfd.BYTES);
  static final long KVM_CREATE_PIT2 = ioc(IOC_WRITE, 0x77, KvmPitConfig.BYTES);
  static final long KVM_IOEVENTFD = ioc(IOC_WRITE, 0x79, KvmIoeventfd.BYTES);

  static final long KVM_SET_CLOCK = iow(0x7b, ChipState.CLOCK_BYTES);
  static final long KVM_GET_CLOCK = ior(0x7c, ChipState.CLOCK_BYTES);
  static final long KVM_GET_PIT2 = ior(0x9f, ChipState.PIT_BYTES);
  static final long KVM_SET_PIT2 = iow(0xa0, ChipState.PIT_BYTES);

  // On a vCPU.
  static final long KVM_RUN = io(0x80);
  static final long KVM_GET_REGS = ioc(IOC_READ, 0x81, KvmRegs.BYTES);
  static final long KVM_SET_REGS = ioc(IOC_WRITE, 0x82, KvmRegs.BYTES);
  static final long KVM_GET_SREGS = ioc(IOC_READ, 0x83, KvmSregs.BYTES);
  static final long KVM_SET_SREGS = ioc(IOC_WRITE, 0x84, KvmSregs.BYTES);
  static final long KVM_GET_MSRS = ioc(IOC_READ | IOC_WRITE, 0x88, KvmMsrs.HEADER_BYTES);
  static final long KVM_SET_MSRS = ioc(IOC_WRITE, 0x89, KvmMsrs.HEADER_BYTES);
  static final long KVM_SET_CPUID2 = ioc(IOC_WRITE, 0x90, KvmCpuid2.HEADER_BYTES);

  static final int KVM_CAP_IRQCHIP = 0;
  static final int KVM_CAP_USER_MEMORY = 3;
  static final int KVM_CAP_SET_TSS_ADDR = 4;
  static final int KVM_CAP_EXT_CPUID = 7;
  static final int KVM_CAP_IRQFD = 32;
  static final int KVM_CAP_PIT2 = 33;
  static final int KVM_CAP_IOEVENTFD = 36;
  static final int KVM_CAP_SET_IDENTITY_MAP_ADDR = 37;
  static final int KVM_CAP_MAX_VCPUS = 66;
  static final int KVM_CAP_TSC_DEADLINE_TIMER = 72;
  static final int KVM_CAP_IMMEDIATE_EXIT = 136;
  static final int KVM_CAP_XSAVE2 = 208;

  private KvmApi() {}

  /** _IO(KVMIO, number) of asm-generic/ioctl.h. */
  private static long io(int number) {
    return ioc(0, number, 0);
  }

  /** _IOR(KVMIO, number, a structure of {@code sizeBytes}). */
  static long ior(int number, long sizeBytes) {
    return ioc(IOC_READ, number, sizeBytes);
  }

  /** _IOW(KVMIO, number, a structure of {@code sizeBytes}). */
  static long iow(int number, long sizeBytes) {
    return ioc(IOC_WRITE, number, sizeBytes);
  }

  private static long ioc(int direction, int number, long sizeBytes) {
    return (long) direction << 30 | sizeBytes << 16 | KVMIO << 8 | number;
  }
}
