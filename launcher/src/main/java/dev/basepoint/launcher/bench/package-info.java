/** Benchmarks that users repeat: what they print is a figure of this host, never a verdict. */
package dev.basepoint.launcher.bench;
