package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.launcher.cli.RunResult;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One VM with its group of processes, its console and its facts, from the start to the end. It ends
 * by itself, on a thread of its own, when its guest stops, a process is lost or somebody asks for
 * it; nothing of it is left then but its result.
 */
public final class Vm implements AutoCloseable {
  /** What a VM is doing. */
  public enum State {
    STARTING,
    RUNNING,
    PAUSED,
    ENDED;

    /** The word for it in messages and JSON. */
    public String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Brings a VM to run, with the processes that it starts or finds in the group. */
  @FunctionalInterface
  public interface Launch {
    /**
     * Returns when the guest runs.
     *
     * @throws IOException if it cannot; the group is then stopped
     */
    void perform(ProcessGroup group) throws IOException;
  }

  private static final Duration COUNTERS_TIMEOUT = Duration.ofSeconds(2);

  /** A JVM that writes its start-up cache ends slowly. */
  private static final Duration TRAINING_PATIENCE = Duration.ofMinutes(2);

  private volatile VmManifest manifest;
  private final GuestConsole console;
  private final Timeline timeline;
  private final VmListener listener;
  private final RunRecorder recorder;
  private final ProcessGroup group;
  private final Map<String, DiskFiles> images = new LinkedHashMap<>();
  private final CompletableFuture<Void> ready = new CompletableFuture<>();
  private final CompletableFuture<RunResult> ended = new CompletableFuture<>();
  private final Object transition = new Object();
  private volatile State state = State.STARTING;
  private volatile Outcome stopAs;
  private volatile boolean pausesAtReady;
  private volatile Duration stopPatience;
  private boolean started;

  /**
   * A VM without processes yet.
   *
   * @param console owned by the VM from now on
   */
  public Vm(
      VmManifest manifest,
      Installation installation,
      SandboxLevel sandbox,
      GuestConsole console,
      Timeline timeline,
      VmListener listener)
      throws IOException {
    this.manifest = manifest;
    this.console = console;
    this.timeline = timeline;
    this.listener = listener;
    this.stopPatience =
        Installation.isTraining()
            ? TRAINING_PATIENCE
            : Duration.ofMillis(manifest.timeouts().stopMillis());
    this.recorder = new RunRecorder(() -> this.manifest.name(), timeline, new Watch());
    this.group =
        new ProcessGroup(
            installation,
            Installation.isTraining() ? SandboxLevel.OFF : sandbox,
            recorder,
            Duration.ofMillis(manifest.timeouts().startMillis()));
  }

  /** Sees the events that concern the VM as a whole. */
  private final class Watch implements VmListener {
    @Override
    public void onStep(String text) {
      listener.onStep(text);
    }

    @Override
    public void onWarning(String text) {
      listener.onWarning(text);
    }

    @Override
    public void onEvent(Child child, SupervisionEvent event) {
      if (event instanceof SupervisionEvent.GuestReady) {
        if (pausesAtReady) {
          // The event may overtake the end of the start.
          change(State.STARTING, State.PAUSED);
          change(State.RUNNING, State.PAUSED);
        }
        ready.complete(null);
      }
      listener.onEvent(child, event);
    }
  }

  /** Gives a VM that was prepared ahead of its use its final description, before it is started. */
  public void become(VmManifest description) {
    if (started) {
      throw new IllegalStateException("VM " + manifest.name() + " was started before");
    }
    manifest = description;
  }

  /** Boots the VM from its kernel. See {@link #start}. */
  public void boot(GroupPlan plan) throws IOException {
    boot(plan, false);
  }

  /**
   * Boots the VM from its kernel. See {@link #start}.
   *
   * @param pauseAtReady whether it is paused where its guest rings the ready doorbell
   */
  public void boot(GroupPlan plan, boolean pauseAtReady) throws IOException {
    pausesAtReady = pauseAtReady;
    try {
      start(plan.devices(), new ColdBoot(plan, pauseAtReady));
    } finally {
      plan.release();
    }
  }

  /**
   * Lets the VM run; to be called once.
   *
   * @param devices whose disks the result is to speak about; they stay the caller's
   * @throws IOException if that fails for another reason than a request to stop or a process that
   *     did what it must not, which are results; nothing of the VM is left then
   */
  public void start(List<DevicePlan> devices, Launch launch) throws IOException {
    started = true;
    try {
      keepImages(devices);
      launch.perform(group);
      timeline.mark("launcher", "started");
      change(State.STARTING, State.RUNNING);
    } catch (IOException e) {
      GroupOutcome known = reasonOf(e);
      if (known == null) {
        end(() -> ended.completeExceptionally(e));
        throw e;
      }
      group.outcome().complete(known);
    } catch (RuntimeException e) {
      end(() -> ended.completeExceptionally(e));
      throw e;
    }
    OptionalLong runMillis = manifest.timeouts().runMillis();
    if (runMillis.isPresent()) {
      group
          .outcome()
          .completeOnTimeout(
              new GroupOutcome.TimedOut(runMillis.getAsLong()),
              runMillis.getAsLong(),
              TimeUnit.MILLISECONDS);
    }
    // On a thread of its own, since it waits for the threads that report the outcome.
    var _ =
        group
            .outcome()
            .whenComplete(
                (outcome, failure) ->
                    Thread.ofPlatform()
                        .name("end-" + manifest.name())
                        .start(() -> finish(outcome, failure)));
  }

  /** Why a start failed, if that is a result rather than a failure of this program's. */
  private GroupOutcome reasonOf(IOException failure) {
    if (stopAs != null) {
      return new GroupOutcome.Stopped(stopAs);
    }
    return recorder.deadlyViolation().isPresent() || recorder.breach().isPresent()
        ? new GroupOutcome.ChildLost("a process", failure.getMessage())
        : null;
  }

  /** Keeps the disks open beyond the run: scratch disks have no name to open them by. */
  private void keepImages(List<DevicePlan> devices) throws IOException {
    for (DevicePlan device : devices) {
      if (device instanceof DevicePlan.Blk blk) {
        images.put(blk.name(), DiskFiles.of(blk));
      }
    }
  }

  private void finish(GroupOutcome outcome, Throwable failure) {
    if (failure != null) {
      end(() -> ended.completeExceptionally(failure));
      return;
    }
    try {
      RunResult result = result(outcome);
      end(() -> ended.complete(result));
    } catch (IOException | RuntimeException e) {
      end(() -> ended.completeExceptionally(e));
    }
  }

  /** Stops the processes and puts together what is known. */
  private RunResult result(GroupOutcome outcome) throws IOException {
    timeline.mark("launcher", "ended");
    SequencedMap<Child, List<SupervisionReply.Group>> counters = group.counters(COUNTERS_TIMEOUT);
    List<RunResult.ProcessFacts> processes = RunFacts.processes(manifest, group, recorder);
    group.stop(stopPatience);
    console.end();
    timeline.mark("launcher", "stopped");
    GuestReport report = console.report();
    List<RunResult.DeviceFacts> devices = RunFacts.devices(manifest, counters, report, images);
    Judge.Judgement judgement = Judge.judge(outcome, report, devices, recorder);
    return new RunResult(
        judgement.outcome(),
        judgement.detail(),
        RunFacts.guest(manifest, report),
        devices,
        processes,
        RunFacts.timings(timeline));
  }

  private void end(Runnable complete) {
    group.close();
    console.end();
    synchronized (transition) {
      images.values().forEach(DiskFiles::close);
      state = State.ENDED;
    }
    ready.completeExceptionally(
        new IOException("VM " + manifest.name() + " ended before its guest was ready"));
    complete.run();
    listener.onState(State.ENDED);
  }

  private void change(State from, State to) {
    synchronized (transition) {
      if (state != from) {
        return;
      }
      state = to;
    }
    listener.onState(to);
  }

  /** What the VM is doing. */
  public State state() {
    return state;
  }

  /** What the VM is. */
  public VmManifest manifest() {
    return manifest;
  }

  /** Its processes; for {@link Launch}es that prepare them ahead of the start. */
  public ProcessGroup group() {
    return group;
  }

  /** Its serial port. */
  public GuestConsole console() {
    return console;
  }

  /** What happened when, so far; see {@link RunResult#timings}. */
  public List<RunResult.Timing> timings() {
    return RunFacts.timings(timeline);
  }

  /**
   * Waits until the guest rings its ready doorbell.
   *
   * @throws IOException if it does not within {@code timeout}, or the VM ends first
   */
  public void awaitReady(Duration timeout) throws IOException {
    try {
      ready.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw asIoException(e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(
          "the guest of VM "
              + manifest.name()
              + " did not ring its ready doorbell within "
              + timeout.toMillis()
              + " ms",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for VM " + manifest.name(), e);
    }
  }

  /**
   * Asks vmm-main for what this class has no method for; see {@link #state} for what it is up to.
   */
  public SupervisionReply call(SupervisionRequest request, Duration timeout) throws IOException {
    return group.callVmm(request, timeout);
  }

  /** Stops every vCPU at an instruction boundary. */
  public void pause(Duration timeout) throws IOException, VmStateException {
    transit(State.RUNNING, State.PAUSED, new SupervisionRequest.PauseVm(), timeout);
  }

  /** Lets a paused VM go on. */
  public void resume(Duration timeout) throws IOException, VmStateException {
    transit(State.PAUSED, State.RUNNING, new SupervisionRequest.ResumeVm(), timeout);
  }

  /** Does something to a VM that stands. */
  @FunctionalInterface
  public interface PausedAction<T> {
    /**
     * @param disks the files of each disk, by its device's name; open until this returns
     */
    T perform(Map<String, DiskFiles> disks) throws IOException;
  }

  /**
   * Does something while no vCPU runs and nobody else pauses or resumes the VM. One that ran goes
   * on afterwards, also if the action fails.
   *
   * @param timeout for pausing and for going on, each
   * @throws VmStateException if the VM neither runs nor is paused
   */
  public <T> T whilePaused(Duration timeout, PausedAction<T> action)
      throws IOException, VmStateException {
    synchronized (transition) {
      boolean ran = state == State.RUNNING;
      if (!ran && state != State.PAUSED) {
        throw new VmStateException(refusal());
      }
      Map<String, DiskFiles> disks = new LinkedHashMap<>();
      try {
        for (Map.Entry<String, DiskFiles> disk : images.entrySet()) {
          disks.put(disk.getKey(), disk.getValue().duplicate());
        }
        if (ran) {
          group.callVmm(new SupervisionRequest.PauseVm(), timeout);
        }
        try {
          return action.perform(disks);
        } finally {
          if (ran) {
            group.callVmm(new SupervisionRequest.ResumeVm(), timeout);
          }
        }
      } finally {
        disks.values().forEach(DiskFiles::close);
      }
    }
  }

  private void transit(State from, State to, SupervisionRequest request, Duration timeout)
      throws IOException, VmStateException {
    synchronized (transition) {
      if (state != from) {
        throw new VmStateException(refusal());
      }
      group.callVmm(request, timeout);
      change(from, to);
    }
  }

  private String refusal() {
    return "VM "
        + manifest.name()
        + switch (state) {
          case STARTING -> " is still starting; try again later";
          case RUNNING -> " runs; pause it first";
          case PAUSED -> " is paused; resume it first";
          case ENDED -> " has ended";
        };
  }

  /** What the VM's processes count and hold at this moment. */
  public VmFacts facts(Duration timeout) throws IOException, VmStateException {
    if (state == State.ENDED) {
      throw new VmStateException(refusal());
    }
    return new VmFacts(
        RunFacts.devices(manifest, group.counters(timeout), console.report(), Map.of()),
        RunFacts.processes(manifest, group, recorder));
  }

  /**
   * Asks for the end; safe from any thread, at any time.
   *
   * @param as what that makes of the run: {@link Outcome#INTERRUPTED}, for example
   */
  public void requestStop(Outcome as) {
    stopAs = as;
    group.outcome().complete(new GroupOutcome.Stopped(as));
  }

  /**
   * As {@link #requestStop(Outcome)}, with another patience than the manifest's.
   *
   * @param patience how long a process may take to end before it is killed
   */
  public void requestStop(Outcome as, Duration patience) {
    stopPatience = patience;
    requestStop(as);
  }

  /** The result, once nothing else is left of the VM. */
  public CompletableFuture<RunResult> ended() {
    return ended.copy();
  }

  /** Waits for the end of the VM. An interrupt asks for it. */
  public RunResult await() throws IOException {
    try {
      ended.get();
    } catch (InterruptedException e) {
      requestStop(Outcome.INTERRUPTED);
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      throw asIoException(e.getCause());
    }
    return ended.join();
  }

  private static IOException asIoException(Throwable cause) {
    return cause instanceof IOException io ? io : new IOException(cause);
  }

  /** Ends the VM if it has not ended, and waits for that. */
  @Override
  public void close() {
    if (!started) {
      end(() -> ended.cancel(false));
      return;
    }
    requestStop(Outcome.TERMINATED);
    ended.handle((_, _) -> null).join();
  }
}
