package dev.basepoint.launcher.daemon;

import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmListener;
import dev.basepoint.launcher.manifest.VmManifest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A VM that the daemon holds, from the moment its name is taken until it is forgotten. */
final class DaemonVm {
  private static final int WARNINGS_MAX = 50;

  private final VmManifest manifest;
  private final String tenant;
  private final String origin;
  private final long reservedBytes;
  private final long createdNanos = System.nanoTime();
  private final ConsoleLog console = new ConsoleLog();
  private final Deque<String> warnings = new ArrayDeque<>();
  private final CompletableFuture<Void> gone = new CompletableFuture<>();
  private volatile Vm vm;
  private volatile boolean ended;
  private volatile RunResult result;
  private volatile String failure;
  private volatile long endedNanos;
  private volatile ConsoleOutput output;

  /**
   * @param tenant whose it is
   * @param origin how it came to be, for people: "boot"
   * @param reservedBytes memory that was set aside for it
   */
  DaemonVm(VmManifest manifest, String tenant, String origin, long reservedBytes) {
    this.manifest = manifest;
    this.tenant = tenant;
    this.origin = origin;
    this.reservedBytes = reservedBytes;
  }

  String name() {
    return manifest.name();
  }

  VmManifest manifest() {
    return manifest;
  }

  String tenant() {
    return tenant;
  }

  String origin() {
    return origin;
  }

  long reservedBytes() {
    return reservedBytes;
  }

  ConsoleLog console() {
    return console;
  }

  /** The VM itself; empty while it is being put together. */
  Optional<Vm> vm() {
    return Optional.ofNullable(vm);
  }

  /** How the VM ended; empty before, and if even that is not known. */
  Optional<RunResult> result() {
    return Optional.ofNullable(result);
  }

  /** Why there is no result, once the VM has ended without one. */
  Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  void run(Vm running) {
    vm = running;
  }

  void end(RunResult how, Throwable problem) {
    result = how;
    failure = problem == null ? null : String.valueOf(problem.getMessage());
    endedNanos = System.nanoTime();
    ended = true;
    console.end();
    ConsoleOutput file = output;
    if (file != null) {
      file.close();
    }
  }

  void closeAtEnd(ConsoleOutput file) {
    output = file;
  }

  /** Completed when the VM has ended and the registry knows how. */
  CompletableFuture<Void> gone() {
    return gone.copy();
  }

  /** Tells whoever waits for the end. */
  void announceEnd() {
    gone.complete(null);
  }

  boolean ended() {
    return ended;
  }

  Vm.State state() {
    Vm current = vm;
    if (ended) {
      return Vm.State.ENDED;
    }
    return current == null ? Vm.State.STARTING : current.state();
  }

  /** How long it has lived, or lived. */
  long uptimeMillis() {
    long until = ended ? endedNanos : System.nanoTime();
    return TimeUnit.NANOSECONDS.toMillis(until - createdNanos);
  }

  /** The last warnings about it, oldest first. */
  List<String> warnings() {
    synchronized (warnings) {
      return List.copyOf(warnings);
    }
  }

  /**
   * Remembers the VM's warnings.
   *
   * @param log hears them too
   */
  VmListener listener(DaemonLog log) {
    return new VmListener() {
      @Override
      public void onWarning(String text) {
        synchronized (warnings) {
          if (warnings.size() == WARNINGS_MAX) {
            warnings.removeFirst();
          }
          warnings.addLast(text);
        }
        log.log("vm-warning", Facts.of("vm", name(), "text", text));
      }
    };
  }
}
