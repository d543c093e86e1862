package dev.basepoint.launcher.cli;

import dev.basepoint.launcher.group.SandboxLevel;
import dev.basepoint.launcher.manifest.VmManifest;

/**
 * What to run and how.
 *
 * @param vm the checked manifest
 * @param commandStartEpochMicros when the user's command began, CLOCK_REALTIME; timings count from
 *     it
 * @param showsReports whether the console shows the probe guest's machine-readable lines too
 * @param guestOutputToStdout a stdio console writes to standard output, else to standard error
 *     because standard output carries the JSON object
 * @param sandbox how hard the VM's processes are sandboxed
 */
public record RunRequest(
    VmManifest vm,
    long commandStartEpochMicros,
    boolean showsReports,
    boolean guestOutputToStdout,
    SandboxLevel sandbox) {}
