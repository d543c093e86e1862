/**
 * Basepoints: VMs that were booted to their ready point and are kept, as templates that clones are
 * forked from and as snapshots that are restored. What lies on disk is presumed damaged until its
 * checksums say otherwise.
 */
package dev.basepoint.launcher.basepoint;
