/** The launcher: the program {@code vmm-launch}. */
package dev.basepoint.launcher;
