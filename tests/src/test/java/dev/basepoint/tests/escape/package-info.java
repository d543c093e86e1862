/**
 * What a process tries after its tenant has taken it over. The attempts run inside a real role's
 * process, next to its own threads, in a copy of the role's jar at the head of whose main method a
 * call of {@link dev.basepoint.tests.escape.Intruder} has been put.
 */
package dev.basepoint.tests.escape;
