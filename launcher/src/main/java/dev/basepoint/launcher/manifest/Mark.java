package dev.basepoint.launcher.manifest;

/**
 * A place in a manifest.
 *
 * @param line counted from 1
 * @param column counted from 1
 */
record Mark(int line, int column) {
  static final Mark START = new Mark(1, 1);
}
