package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.manifest.HostFacts;
import dev.basepoint.launcher.output.Terminal;
import java.util.function.Supplier;

/**
 * What commands depend on.
 *
 * @param terminal where they write
 * @param runner makes the engine that runs VMs, when a command needs it
 * @param host reads what manifests are checked against, when a command needs it
 * @param commandStartEpochMicros when the user's command began, CLOCK_REALTIME
 * @param handoverEpochMicros when the start script, which may have built the program, handed over
 *     to this JVM; 0 if none did
 */
public record CliContext(
    Terminal terminal,
    Supplier<VmRunner> runner,
    Supplier<HostFacts> host,
    long commandStartEpochMicros,
    long handoverEpochMicros) {}
