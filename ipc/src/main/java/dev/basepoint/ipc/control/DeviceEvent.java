package dev.basepoint.ipc.control;

/** What a device server reports unasked. */
public sealed interface DeviceEvent {
  /** The configuration space has new content, for example after a link change. */
  record ConfigChanged(byte[] config) implements DeviceEvent {
    public ConfigChanged {
      if (config.length > DeviceReply.Info.CONFIG_BYTES_MAX) {
        throw new IllegalArgumentException("config space of " + config.length + " bytes");
      }
    }
  }

  /** The device found its rings broken and serves nothing more until it is reset. */
  record Broken(String reason) implements DeviceEvent {}
}
