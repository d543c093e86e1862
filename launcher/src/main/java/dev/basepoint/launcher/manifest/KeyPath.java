package dev.basepoint.launcher.manifest;

/** Spells where a value is: {@code devices[0].backend.type}. */
final class KeyPath {
  private KeyPath() {}

  static String child(String parent, String key) {
    String shown = Quote.clean(key);
    return parent.isEmpty() ? shown : parent + "." + shown;
  }

  static String item(String parent, int index) {
    return parent + "[" + index + "]";
  }
}
