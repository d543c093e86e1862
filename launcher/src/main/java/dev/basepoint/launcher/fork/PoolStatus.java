package dev.basepoint.launcher.fork;

import java.util.Optional;

/**
 * How a pool stands.
 *
 * @param size clones that it keeps ready
 * @param waiting clones that are ready
 * @param making whether one is being made
 * @param made clones made so far
 * @param makingNanos how long one takes, on average; 0 before the first
 * @param cloneBytes private memory of the last one that was made; 0 before the first
 * @param trouble why it cannot be filled at present
 */
public record PoolStatus(
    int size,
    int waiting,
    boolean making,
    long made,
    long makingNanos,
    long cloneBytes,
    Optional<String> trouble) {}
