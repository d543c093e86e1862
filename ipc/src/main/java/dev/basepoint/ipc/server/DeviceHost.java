package dev.basepoint.ipc.server;

import dev.basepoint.ipc.loop.EventLoop;

/** What the frame offers to a device. */
public interface DeviceHost {
  /** The queue thread's loop, where the device watches its back end. */
  EventLoop loop();

  /** Makes a counter that the launcher sees; in the constructor only. */
  Counter counter(String name);

  /** "requests": chains completed. */
  Counter requests();

  /** "bytesToGuest": bytes that guests received from the back end. */
  Counter bytesToGuest();

  /** "bytesFromGuest": bytes that guests gave to the back end. */
  Counter bytesFromGuest();

  /** "errors": requests that failed or made no sense. */
  Counter errors();

  /** Tells the driver that {@link VirtioDevice#config} has new content. */
  void configChanged();

  /** Tells the launcher something that a person should know. */
  void warn(String text);
}
