package dev.basepoint.launcher.fork;

/**
 * When the steps of a fork were done, in nanoseconds since the request came.
 *
 * @param remade whether the request waited until the template was made again
 * @param warm whether a prepared clone was waiting
 * @param takenNanos a prepared clone was at hand
 * @param overriddenNanos its devices were as the request wants them
 * @param runningNanos vmm-main had let the vCPUs go
 */
public record ForkTimes(
    boolean remade, boolean warm, long takenNanos, long overriddenNanos, long runningNanos) {}
