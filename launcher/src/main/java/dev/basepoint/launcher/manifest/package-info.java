/**
 * The VM manifest: one model, read from YAML or JSON, checked against the published JSON Schema and
 * then against itself and the host. Manifest text is presumed malicious: size, depth and counts are
 * bounded, aliases are refused, and every problem carries file, line and key.
 */
package dev.basepoint.launcher.manifest;
