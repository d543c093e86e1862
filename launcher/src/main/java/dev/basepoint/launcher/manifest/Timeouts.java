package dev.basepoint.launcher.manifest;

import java.util.OptionalLong;

/**
 * The deadlines of a run.
 *
 * @param startMillis from the command to the first guest instruction
 * @param stopMillis from a request to stop until processes are killed
 * @param runMillis from the first guest instruction to the guest's power-off; empty for no limit
 */
public record Timeouts(long startMillis, long stopMillis, OptionalLong runMillis) {}
