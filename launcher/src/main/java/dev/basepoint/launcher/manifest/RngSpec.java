package dev.basepoint.launcher.manifest;

import java.util.OptionalLong;

/**
 * A virtio-rng entropy source, fed by the host kernel's generator.
 *
 * @param name unique in its VM
 * @param queueSize entries of the request queue, a power of two
 * @param bytesPerSecond most bytes handed out per second; empty for no limit
 * @param requestBytesMax most bytes that one request is given
 */
public record RngSpec(String name, int queueSize, OptionalLong bytesPerSecond, int requestBytesMax)
    implements DeviceSpec {}
