/** Holds VMs beyond single commands and serves the API; presumes every client malicious. */
package dev.basepoint.launcher.daemon;
