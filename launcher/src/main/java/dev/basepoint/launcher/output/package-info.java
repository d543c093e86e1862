/**
 * What users see: a terminal gets colour and boxes, a pipe gets plain text, --json gets one object.
 */
package dev.basepoint.launcher.output;
