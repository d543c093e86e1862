package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.ChannelClosedException;
import dev.basepoint.ipc.control.Requester;
import dev.basepoint.ipc.control.SupervisionEvent;
import dev.basepoint.ipc.control.SupervisionReply;
import dev.basepoint.ipc.control.SupervisionRequest;
import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import dev.basepoint.ipc.linux.ChildProcess;
import dev.basepoint.ipc.linux.Epoll;
import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.ipc.linux.UnixSocket;
import dev.basepoint.ipc.loop.EventLoop;
import dev.basepoint.sandbox.jail.Level;
import dev.basepoint.sandbox.jail.ViolationWatch;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The processes of one VM: a vmm-main and a server for each device. Starts them together, gives
 * each its descriptors, and sees to it that none outlives the group. What the VM is, and whether it
 * is booted or cloned, its owner says by {@link #attach} and {@link #callVmm}.
 */
public final class ProcessGroup implements AutoCloseable {
  /** For a group that never ran, or whose run failed. */
  private static final Duration CLOSE_PATIENCE = Duration.ofMillis(700);

  /** From the end of a child's channel to the end of the child itself. */
  private static final Duration HANG_UP_PATIENCE = Duration.ofSeconds(2);

  private static final int TRAINING_ROUNDS = 4;

  private final Installation installation;
  private final SandboxLevel level;
  private final Sandbox sandbox;
  private final GroupListener listener;
  private final Duration startTimeout;
  private final EventLoop loop;
  private final Thread supervisor;
  private final List<Child> children = new CopyOnWriteArrayList<>();
  private final CompletableFuture<GroupOutcome> outcome = new CompletableFuture<>();
  private final Set<Child> admitted = new HashSet<>();
  private final Set<Child> retired = ConcurrentHashMap.newKeySet();
  private final Set<Child> gone = ConcurrentHashMap.newKeySet();
  private final Queue<Thread> disposals = new ConcurrentLinkedQueue<>();
  private volatile boolean intact = true;
  private volatile boolean stopping;
  private boolean stopped;
  private volatile Child vmm;

  /**
   * @param level how hard the children are sandboxed
   * @param startTimeout for each step of the start
   */
  public ProcessGroup(
      Installation installation, SandboxLevel level, GroupListener listener, Duration startTimeout)
      throws IOException {
    this(installation, level, FrontEnd.VMM_MAIN, listener, startTimeout);
  }

  /**
   * @param frontEnd who drives the device servers
   */
  ProcessGroup(
      Installation installation,
      SandboxLevel level,
      FrontEnd frontEnd,
      GroupListener listener,
      Duration startTimeout)
      throws IOException {
    this.installation = installation;
    this.level = level;
    this.sandbox =
        level.jailLevel().map(jail -> new Sandbox(jail, installation, frontEnd)).orElse(null);
    this.listener = listener;
    this.startTimeout = startTimeout;
    this.loop = new EventLoop();
    this.supervisor = Thread.ofPlatform().name("supervisor").daemon().start(this::supervise);
  }

  private void supervise() {
    try {
      loop.run();
    } catch (IOException | RuntimeException e) {
      outcome.completeExceptionally(e);
    }
  }

  /**
   * Starts the processes, all at once. They know nothing of a VM yet; whether they came up shows
   * when they are first asked something, or by {@link #admit}.
   *
   * @param members one of them the vmm-main
   */
  public void spawn(List<GroupMember> members) throws IOException {
    for (GroupMember member : members) {
      Child child = spawn(member);
      if (member.role() == Role.VMM_MAIN) {
        vmm = child;
      }
    }
  }

  private Child spawn(GroupMember wanted) throws IOException {
    // A training run needs no VM of its own kind: the rehearsal goes every way there is.
    GroupMember member = Installation.isTraining() ? wanted.rehearsed(TRAINING_ROUNDS) : wanted;
    CompletableFuture<Child> self = new CompletableFuture<>();
    Child child =
        Child.spawn(member, installation, sandbox, new ChildListener(self, member.role()));
    children.add(child);
    self.complete(child);
    listener.onSpawned(child);
    listener.onNotices(child, child.notices());
    watch(child);
    return child;
  }

  /** Waits until every process serves and is in its sandbox. */
  public void admit() throws IOException {
    for (Child child : children) {
      admit(child);
    }
  }

  /** Greets a process and takes it into its sandbox, unless that has been done. */
  private void admit(Child child) throws IOException {
    synchronized (admitted) {
      if (admitted.contains(child)) {
        return;
      }
      child.greet(startTimeout);
      enterSandbox(child);
      admitted.add(child);
    }
  }

  /**
   * Tells each device's server, found by the device's name, what it is to be.
   *
   * @return what vmm-main is to be given; the caller closes it
   */
  public Attachments attach(List<DevicePlan> devices) throws IOException {
    Attachments attachments = new Attachments();
    boolean complete = false;
    try {
      for (DevicePlan device : devices) {
        Child server = server(device.name());
        admit(server);
        UnixSocket[] channel = UnixSocket.pair();
        attachments.add(new Attachment(device.name(), device.kind(), channel[0].fd()));
        try {
          server.call(device.configure(channel[1].fd()), startTimeout);
        } finally {
          channel[1].close();
        }
      }
      complete = true;
      return attachments;
    } finally {
      if (!complete) {
        attachments.close();
      }
    }
  }

  /**
   * Gives a device another server in place of its present one, which is killed if it still runs.
   *
   * @throws IOException if the device cannot be served so; it keeps its present server then
   */
  public void replaceServer(DevicePlan device, int warmUpRounds) throws IOException {
    Child present = server(device.name());
    Child next = spawn(GroupMember.server(device).rehearsed(warmUpRounds));
    boolean replaced = false;
    try {
      admit(next);
      UnixSocket[] channel = UnixSocket.pair();
      try {
        next.call(device.configure(channel[1].fd()), startTimeout);
        callVmm(new SupervisionRequest.ReplaceServer(device.name(), channel[0].fd()), startTimeout);
        replaced = true;
      } finally {
        channel[0].close();
        channel[1].close();
      }
    } finally {
      retire(replaced ? present : next);
    }
  }

  /** Ends a process that the group does without from now on. */
  private void retire(Child child) {
    retired.add(child);
    if (gone.contains(child)) {
      dispose(child);
    } else {
      child.kill();
    }
  }

  private void dispose(Child child) {
    if (children.remove(child)) {
      // Not here, since removing a control group takes the kernel tens of milliseconds.
      disposals.add(Thread.ofPlatform().name("close-" + child.name()).start(() -> close(child)));
    }
  }

  /**
   * Tells a device's server, found by the device's name, to serve it to vhost-user front ends.
   *
   * @param socket stays the caller's
   * @param listening whether front ends connect to it, or it is connected to one
   */
  void serveVhostUser(DevicePlan device, Fd socket, boolean listening) throws IOException {
    Child server = server(device.name());
    admit(server);
    server.call(
        new SupervisionRequest.ConfigureVhostUser(device.configure(socket), listening),
        startTimeout);
  }

  private Child server(String device) throws IOException {
    for (Child child : children) {
      if (child != vmm && !retired.contains(child) && child.name().equals(device)) {
        return child;
      }
    }
    throw new IOException("the group has no server for device " + device);
  }

  /** Asks vmm-main; see {@link Requester#call}. */
  public SupervisionReply callVmm(SupervisionRequest request, Duration timeout) throws IOException {
    if (vmm == null) {
      throw new IOException("the group has no vmm-main");
    }
    admit(vmm);
    return vmm.call(request, timeout);
  }

  /** For each step of the start. */
  public Duration startTimeout() {
    return startTimeout;
  }

  private void enterSandbox(Child child) throws IOException {
    Optional<ViolationWatch> watch =
        child.enterSandbox(
            startTimeout,
            violation -> listener.onViolation(child, violation, sandbox.level() == Level.STRICT));
    watch.ifPresent(violations -> loop.execute(() -> watch(violations)));
  }

  /** Serves a child's violations on the supervisor's thread, until the child has ended. */
  private void watch(ViolationWatch violations) {
    EventLoop.Registration[] registration = new EventLoop.Registration[1];
    try {
      registration[0] =
          loop.watch(
              violations.fd(),
              Epoll.EPOLLIN,
              events -> {
                try {
                  if ((events & Epoll.EPOLLIN) != 0) {
                    violations.handle();
                    return;
                  }
                } catch (IOException e) {
                  outcome.completeExceptionally(e);
                }
                registration[0].cancel();
                violations.close();
              });
    } catch (IOException e) {
      violations.close();
      outcome.completeExceptionally(e);
    }
  }

  /** Watches a child's end and output on the supervisor's thread. */
  private void watch(Child child) {
    loop.execute(
        () -> {
          try {
            byte[] buffer = new byte[4096];
            child.output().setNonBlocking(true);
            OutputDrain drain = new OutputDrain(child.output(), buffer, child.tail());
            EventLoop.Registration[] output = new EventLoop.Registration[1];
            output[0] =
                loop.watch(
                    child.output(),
                    Epoll.EPOLLIN,
                    events -> {
                      if (!drain.drain()) {
                        output[0].cancel();
                      }
                    });
            EventLoop.Registration[] exit = new EventLoop.Registration[1];
            exit[0] =
                loop.watch(
                    child.pidfd(),
                    Epoll.EPOLLIN,
                    events -> {
                      exit[0].cancel();
                      drain.drain();
                      onExit(child);
                    });
          } catch (IOException e) {
            outcome.completeExceptionally(e);
          }
        });
  }

  private void onExit(Child child) {
    try {
      ChildProcess.Exit exit = child.pollExit();
      gone.add(child);
      if (retired.contains(child)) {
        dispose(child);
        return;
      }
      listener.onExit(child, exit, stopping, child.tail().text());
      if (stopping) {
        return;
      }
      intact = false;
      if (child == vmm) {
        outcome.complete(new GroupOutcome.ChildLost(child.name(), exit.toString()));
      }
    } catch (IOException e) {
      outcome.completeExceptionally(e);
    }
  }

  private boolean isDevice(String name) {
    return children.stream()
        .anyMatch(child -> child.role() != Role.VMM_MAIN && child.name().equals(name));
  }

  /** Passes on a child's events, once the child is known, and holds it to the protocol. */
  private final class ChildListener implements Requester.Listener<SupervisionEvent> {
    private final CompletableFuture<Child> child;
    private final ChildConduct conduct;
    private boolean breached;

    ChildListener(CompletableFuture<Child> child, Role role) {
      this.child = child;
      conduct = new ChildConduct(role, ProcessGroup.this::isDevice, System.nanoTime());
    }

    @Override
    public void onEvent(SupervisionEvent event) {
      Child source = child.join();
      if (breached) {
        return;
      }
      Optional<String> objection = conduct.objectionTo(event, System.nanoTime());
      if (objection.isPresent()) {
        breach(objection.get());
        return;
      }
      if (stopping && event instanceof SupervisionEvent.DeviceFailed) {
        // It is the group that takes the servers away now; vmm-main may see them go.
        return;
      }
      listener.onEvent(source, event);
      if (source == vmm && event instanceof SupervisionEvent.GuestStopped stopped) {
        outcome.complete(new GroupOutcome.GuestEnded(stopped.reason(), stopped.detail()));
      }
    }

    @Override
    public void onClosed(IOException cause) {
      Child source = child.join();
      if (stopping || breached || retired.contains(source)) {
        return;
      }
      if (cause instanceof ChannelClosedException) {
        // How a process ends as well. One that does not would be out of anybody's control.
        if (!source.awaitEnd(HANG_UP_PATIENCE)) {
          breach("closed its supervision channel and went on");
        }
        return;
      }
      breach("broke the supervision protocol: " + cause.getMessage());
    }

    /** A child that breaks the protocol gets no second chance. */
    private void breach(String what) {
      Child source = child.join();
      breached = true;
      listener.onBreach(source, what);
      source.kill();
    }
  }

  /**
   * How the run ends; completed on one of the group's threads, which must not be blocked. It does
   * not stop the processes: {@link #stop} does.
   */
  public CompletableFuture<GroupOutcome> outcome() {
    return outcome;
  }

  /** Whether no process has ended by itself so far, as the kernel sees it at this moment. */
  public boolean isIntact() {
    return intact
        && children.stream().noneMatch(child -> !retired.contains(child) && child.hasEnded());
  }

  /** How hard the children are sandboxed. */
  public SandboxLevel level() {
    return level;
  }

  /** The group's processes, vmm-main first. */
  public List<Child> children() {
    return List.copyOf(children);
  }

  /**
   * Asks every child that still runs for its counters.
   *
   * @return by child, in the children's order; one that does not answer is absent
   */
  public SequencedMap<Child, List<SupervisionReply.Group>> counters(Duration timeout) {
    SequencedMap<Child, List<SupervisionReply.Group>> groups = new LinkedHashMap<>();
    for (Child child : children) {
      try {
        if (child.call(new SupervisionRequest.ReadCounters(), timeout)
            instanceof SupervisionReply.Counters counters) {
          groups.put(child, counters.groups());
        }
      } catch (IOException e) {
        // The child has ended or hangs; its exit is reported on its own.
        listener.onEvent(child, new SupervisionEvent.Warning("no counters: " + e.getMessage()));
      }
    }
    return groups;
  }

  @Override
  public void close() {
    if (!stopped) {
      stop(CLOSE_PATIENCE);
    }
  }

  /**
   * Ends every process: asks, waits, kills. None is left when this returns.
   *
   * @param patience how long a process may take to answer, and then to end, before it is killed
   */
  public void stop(Duration patience) {
    stopped = true;
    stopping = true;
    if (vmm != null) {
      // First, so that the guest does not see its devices go.
      vmm.requestStop(patience);
    }
    List<Thread> stops = new ArrayList<>();
    for (Child child : children) {
      if (child != vmm) {
        stops.add(
            Thread.ofPlatform()
                .name("stop-" + child.name())
                .start(() -> child.requestStop(patience)));
      }
    }
    stops.forEach(ProcessGroup::join);
    for (Child child : children) {
      try {
        child.ensureEnded(patience);
      } catch (IOException e) {
        child.kill();
      }
    }
    loop.stop();
    join(supervisor);
    loop.close();
    // At once, since removing a control group takes the kernel tens of milliseconds.
    List<Thread> closes = new ArrayList<>();
    for (Child child : children) {
      closes.add(Thread.ofPlatform().name("close-" + child.name()).start(() -> close(child)));
    }
    closes.forEach(ProcessGroup::join);
    disposals.forEach(ProcessGroup::join);
    children.clear();
    if (sandbox != null) {
      try {
        sandbox.close();
      } catch (IOException e) {
        outcome.completeExceptionally(e);
      }
    }
  }

  private void close(Child child) {
    try {
      child.close();
    } catch (IOException e) {
      listener.onEvent(child, new SupervisionEvent.Warning("left behind: " + e.getMessage()));
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
