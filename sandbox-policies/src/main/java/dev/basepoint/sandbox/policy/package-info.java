/**
 * Sandbox policies as data: what one process role may ask of the kernel, read from a {@code
 * .policy} file, with the reason for every entry. Nothing here touches the kernel.
 */
package dev.basepoint.sandbox.policy;
