package dev.basepoint.launcher.fork;

import dev.basepoint.launcher.group.Vm;

/**
 * A clone that runs.
 *
 * @param cloneNumber counts the forks of its template, from 1
 * @param generationId 16 bytes that no other machine has, as lower-case hex
 */
public record Fork(Vm vm, long cloneNumber, String generationId, ForkTimes times) {}
