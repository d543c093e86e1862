package dev.basepoint.vmm;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.ProcessExit;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.vmm.rehearsal.Rehearsal;
import java.io.IOException;

/**
 * The core process of one VM. Started by the launcher with the supervision channel as descriptor 3
 * and, if it is to rehearse, /dev/kvm as descriptor 4; everything else it works on arrives over
 * that channel. When the channel closes the process ends at once, and the VM with it.
 */
public final class Main {
  private static final int SUPERVISION_FD = 3;
  private static final int REHEARSAL_KVM_FD = 4;

  /** Not started by a launcher (EX_USAGE). */
  private static final int EXIT_USAGE = 64;

  private Main() {}

  public static void main(String[] args) {
    long startedNanos = System.nanoTime();
    int exitCode;
    try {
      Options options = Options.parse(args);
      if (options.warmUpRounds() > 0 && !rehearse(options.warmUpRounds())) {
        ProcessExit.now(Service.EXIT_FATAL);
      }
      if (options.rehearseOnly()) {
        // An orderly end: it is then that the JVM writes its cache.
        return;
      }
      exitCode = new Service(UnixSocket.own(Fd.own(SUPERVISION_FD)), startedNanos).serve();
    } catch (IllegalArgumentException e) {
      System.err.println("vmm-main: " + e.getMessage());
      exitCode = EXIT_USAGE;
    } catch (IOException e) {
      System.err.println(
          "vmm-main: no supervision channel on descriptor 3; this program is started by vmm-launch"
              + " ("
              + e.getMessage()
              + ")");
      exitCode = EXIT_USAGE;
    }
    // The kernel frees a VM faster than any close of ours would.
    ProcessExit.now(exitCode);
  }

  private static boolean rehearse(int rounds) {
    try (Fd kvm = Fd.own(REHEARSAL_KVM_FD)) {
      new Rehearsal(kvm, Main::serveRehearsal).play(rounds);
      return true;
    } catch (IOException e) {
      System.err.println("vmm-main: " + e.getMessage());
      return false;
    }
  }

  private static int serveRehearsal(UnixSocket socket) throws IOException {
    try (Service service = new Service(socket, System.nanoTime())) {
      return service.serve();
    }
  }
}
