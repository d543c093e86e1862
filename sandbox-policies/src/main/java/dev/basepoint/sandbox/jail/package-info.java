/**
 * Applies policies to processes: the launcher's side (namespaces, an empty root, a uid, limits) and
 * the process's own (its system call filter).
 */
package dev.basepoint.sandbox.jail;
