/**
 * Forks of a template: clones prepared ahead of the request, the pool that holds them, and what a
 * fork request may change.
 *
 * <pre>
 *   ForkService  --- one per template --->  ClonePool  --- arms --->  PreparedClone
 *        |                                                               |
 *        +-- fork(request): takes one, names it, lets it run ------------+--> group.Vm
 * </pre>
 */
package dev.basepoint.launcher.fork;
