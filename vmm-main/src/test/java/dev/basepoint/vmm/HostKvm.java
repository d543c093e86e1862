package dev.basepoint.vmm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.basepoint.ipc.linux.ErrnoException;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.OpenFile;
import java.nio.file.Files;
import java.nio.file.Path;

/** The host's /dev/kvm, or a skipped test. */
public final class HostKvm {
  private static final Path DEV_KVM = Path.of("/dev/kvm");

  private HostKvm() {}

  public static Fd open() throws ErrnoException {
    assumeTrue(
        Files.isReadable(DEV_KVM) && Files.isWritable(DEV_KVM),
        "skipped: this user cannot open /dev/kvm");
    return OpenFile.open(DEV_KVM.toString(), OpenFile.O_RDWR);
  }
}
