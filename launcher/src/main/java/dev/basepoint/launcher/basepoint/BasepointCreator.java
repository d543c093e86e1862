package dev.basepoint.launcher.basepoint;

import dev.basepoint.launcher.basepoint.TemplateException.Reason;
import dev.basepoint.launcher.cli.Outcome;
import dev.basepoint.launcher.group.GroupPlan;
import dev.basepoint.launcher.group.GuestConsole;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.PlanOpener;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.group.Timeline;
import dev.basepoint.launcher.group.Vm;
import dev.basepoint.launcher.group.VmListener;
import dev.basepoint.launcher.group.VmStateException;
import dev.basepoint.launcher.manifest.ReadyPoint;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

/**
 * Makes a template: boots a VM to its ready point, saves it, ends it and stores it. Each of its
 * disks is an overlay over an image that is only read. Network cards are captured without what they
 * are connected to, which each clone opens for itself.
 */
public final class BasepointCreator {
  private static final Duration PAUSE_TIMEOUT = Duration.ofSeconds(10);

  private final Installation installation;
  private final TemplateStore store;
  private volatile Vm vm;
  private volatile boolean cancelled;

  /** For one making in {@code store}. */
  public BasepointCreator(Installation installation, TemplateStore store) {
    this.installation = installation;
    this.store = store;
  }

  /**
   * What to make.
   *
   * @param replace whether it may take the place of a template of the same name and tenant
   */
  public record Request(
      VmManifest manifest, String name, String tenant, boolean replace, SandboxLevel sandbox) {}

  /**
   * Makes the template. It is complete and durable when this returns; if this fails, nothing of it
   * is left.
   *
   * @throws TemplateException if the name is taken, the VM cannot be captured, it did not become
   *     ready, or the disk is full
   */
  public CreatedTemplate create(Request request, CreateListener listener) throws IOException {
    requireBootable(request.manifest());
    try (TemplateDraft draft = store.begin(request.name(), request.tenant(), request.replace())) {
      return createExplained(request, draft, listener);
    }
  }

  /**
   * As {@link #create}: makes a template again, in whose place the new one comes.
   *
   * @param manifest as stored with it
   * @throws TemplateException also if {@code worn} was removed or replaced meanwhile, which is left
   *     so
   */
  public CreatedTemplate createAgain(
      Template worn, VmManifest manifest, SandboxLevel sandbox, CreateListener listener)
      throws IOException {
    requireBootable(manifest);
    try (TemplateDraft draft = store.beginAgain(worn)) {
      Request request = new Request(manifest, worn.name(), worn.tenant(), true, sandbox);
      return createExplained(request, draft, listener);
    }
  }

  private static void requireBootable(VmManifest manifest) throws TemplateException {
    if (manifest.basepoint().ready() instanceof ReadyPoint.Command) {
      throw new TemplateException(
          Reason.NOT_READY,
          "the manifest says ready: command, so that a running VM is the one to make a template of;"
              + " start it in the daemon, or choose ready: doorbell or console");
    }
  }

  private CreatedTemplate createExplained(
      Request request, TemplateDraft draft, CreateListener listener) throws IOException {
    try {
      return create(request, draft, listener);
    } catch (IOException e) {
      requireNotCancelled(request.name());
      throw draft.explained(e);
    }
  }

  /**
   * Makes a template again from its own manifest, in its place: for one whose forks or days are
   * counted, or whose images were changed. The old one stays until the new one is complete.
   *
   * @param tenant whose it must be
   * @throws TemplateException as above, or if there is none, or it is damaged
   */
  public CreatedTemplate remake(
      String name, String tenant, SandboxLevel sandbox, CreateListener listener)
      throws IOException {
    Template worn;
    VmManifest manifest;
    try (OpenTemplate open = store.open(name)) {
      worn = open.template();
      worn.requireTenant(tenant);
      manifest = StoredManifest.load(open);
    }
    return createAgain(worn, manifest, sandbox, listener);
  }

  /** Ends the making early; safe from any thread, at any time. */
  public void cancel() {
    cancelled = true;
    Vm running = vm;
    if (running != null) {
      running.requestStop(Outcome.INTERRUPTED);
    }
  }

  private void requireNotCancelled(String name) throws TemplateException {
    if (cancelled) {
      throw new TemplateException(Reason.CANCELLED, "the making of " + name + " was cancelled");
    }
  }

  private CreatedTemplate create(Request request, TemplateDraft draft, CreateListener listener)
      throws IOException {
    Timeline timeline = Timeline.since(System.currentTimeMillis() * 1000);
    VmManifest manifest = request.manifest();
    draft.add(Template.MANIFEST, ManifestYaml.write(manifest));
    DraftDisks disks = new DraftDisks(draft, listener::step);
    SavedMemory saved = bootAndSave(request, disks, timeline, listener);
    boolean complete = false;
    try {
      double readyMillis = timeline.millis(System.nanoTime());
      requireNotCancelled(request.name());
      listener.step("storing " + request.name());
      draft.add(Template.STATE, saved.state());
      draft.add(Template.RAM, saved.ram());
      Template template = Descriptions.of(draft, Template.Kind.TEMPLATE, manifest, disks.freeze());
      requireNotCancelled(request.name());
      draft.commit(template);
      CreatedTemplate created =
          new CreatedTemplate(
              template,
              TemplateMemory.seal(saved.ram(), saved.state()),
              saved.ramBytes(),
              readyMillis);
      complete = true;
      return created;
    } finally {
      if (!complete) {
        saved.close();
      }
    }
  }

  private SavedMemory bootAndSave(
      Request request, DraftDisks disks, Timeline timeline, CreateListener listener)
      throws IOException {
    VmManifest manifest = request.manifest();
    ReadyPoint ready = manifest.basepoint().ready();
    ConsoleWatch watch =
        new ConsoleWatch(
            ready instanceof ReadyPoint.ConsoleLine line ? Pattern.compile(line.regex()) : null);
    try (GuestConsole console = GuestConsole.create(false);
        GroupPlan plan =
            PlanOpener.open(manifest, console.guestInput(), console.guestOutput(), disks);
        Vm booted =
            new Vm(
                manifest, installation, request.sandbox(), console, timeline, shownTo(listener))) {
      vm = booted;
      requireNotCancelled(request.name());
      console.relayOutput(watch);
      booted.boot(plan, ready instanceof ReadyPoint.Doorbell);
      listener.step("waiting until the guest of " + request.name() + " is ready");
      try {
        awaitReady(booted, watch);
      } catch (IOException e) {
        throw notReady(manifest, watch, e);
      }
      listener.step("saving " + request.name());
      return SavedMemory.of(booted);
    } finally {
      vm = null;
    }
  }

  private static void awaitReady(Vm vm, ConsoleWatch watch) throws IOException {
    Duration timeout = Duration.ofMillis(vm.manifest().basepoint().timeoutMillis());
    if (vm.manifest().basepoint().ready() instanceof ReadyPoint.Doorbell) {
      vm.awaitReady(timeout);
      return;
    }
    // The end of the VM also ends the waiting.
    var _ = vm.ended().whenComplete((_, _) -> watch.found().cancel(false));
    try {
      watch.found().get(timeout.toMillis(), TimeUnit.MILLISECONDS);
      vm.pause(PAUSE_TIMEOUT);
    } catch (TimeoutException e) {
      throw new IOException("it did not write the pattern within " + timeout.toMillis() + " ms", e);
    } catch (java.util.concurrent.CancellationException | ExecutionException e) {
      throw new IOException("the VM ended before", e);
    } catch (VmStateException e) {
      throw new IOException(e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static TemplateException notReady(
      VmManifest manifest, ConsoleWatch watch, IOException cause) {
    String tail = watch.tail();
    return new TemplateException(
        Reason.NOT_READY,
        "the guest of "
            + manifest.name()
            + " did not become ready: "
            + cause.getMessage()
            + (tail.isEmpty() ? "; its console stayed empty" : "; its console ends with:\n" + tail),
        cause);
  }

  private static VmListener shownTo(CreateListener listener) {
    return new VmListener() {
      @Override
      public void onStep(String text) {
        listener.step(text);
      }

      @Override
      public void onWarning(String text) {
        listener.warning(text);
      }
    };
  }
}
