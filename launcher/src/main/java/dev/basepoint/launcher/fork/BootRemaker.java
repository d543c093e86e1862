package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.basepoint.BasepointCreator;
import dev.basepoint.launcher.basepoint.CreateListener;
import dev.basepoint.launcher.basepoint.CreatedTemplate;
import dev.basepoint.launcher.basepoint.Template;
import dev.basepoint.launcher.basepoint.TemplateStore;
import dev.basepoint.launcher.group.Installation;
import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.VmManifest;
import java.io.IOException;

/** Makes a template again in the way it was made at first. */
final class BootRemaker implements Remaker {
  private static final CreateListener NOBODY =
      new CreateListener() {
        @Override
        public void step(String text) {}

        @Override
        public void warning(String text) {}
      };

  private final Installation installation;
  private final TemplateStore store;
  private final SandboxLevel sandbox;
  private BasepointCreator creator;
  private boolean cancelled;

  BootRemaker(Installation installation, TemplateStore store, SandboxLevel sandbox) {
    this.installation = installation;
    this.store = store;
    this.sandbox = sandbox;
  }

  @Override
  public void remake(Template worn, VmManifest manifest) throws IOException {
    BasepointCreator next = new BasepointCreator(installation, store);
    synchronized (this) {
      if (cancelled) {
        throw new IOException("the daemon is about to end");
      }
      creator = next;
    }
    try (CreatedTemplate _ = next.createAgain(worn, manifest, sandbox, NOBODY)) {
      return;
    }
  }

  @Override
  public synchronized void cancel() {
    cancelled = true;
    if (creator != null) {
      creator.cancel();
    }
  }
}
