/**
 * What a vmm-main does before it is needed: it boots a scratch guest, saves it and runs clones of
 * it against device servers in its own process, so that every class on the way from a request to
 * the guest's first instruction is loaded and the code compiled. Nothing of it is left but that.
 */
package dev.basepoint.vmm.rehearsal;
