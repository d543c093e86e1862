package dev.basepoint.launcher.group;

import dev.basepoint.ipc.control.SupervisionRequest.Attachment;
import java.util.ArrayList;
import java.util.List;

/** vmm-main's ends of the device channels, until vmm-main has been given them. */
public final class Attachments implements AutoCloseable {
  private final List<Attachment> list = new ArrayList<>();

  Attachments() {}

  void add(Attachment attachment) {
    list.add(attachment);
  }

  /** One for each device, in the order of the devices. */
  public List<Attachment> list() {
    return List.copyOf(list);
  }

  /** Closes the launcher's copies. */
  @Override
  public void close() {
    list.forEach(attachment -> attachment.channel().close());
  }
}
