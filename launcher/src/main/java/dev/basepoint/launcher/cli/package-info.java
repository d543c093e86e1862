/** The commands of {@code vmm-launch}: arguments in, text or one JSON object out, an exit code. */
package dev.basepoint.launcher.cli;
