/**
 * Processes of a VM that somebody has taken over: a role's real program, with a class of this
 * package between it and its channels, in a jar that only tests make. These classes run in the
 * child's JVM, inside its sandbox.
 */
package dev.basepoint.tests.hostile;
