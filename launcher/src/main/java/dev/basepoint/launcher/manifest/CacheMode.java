package dev.basepoint.launcher.manifest;

/** How a disk's writes reach the medium. */
public enum CacheMode {
  /** Through the host's page cache; durable after the guest's FLUSH. */
  WRITEBACK("writeback"),
  /** Past the page cache, by O_DIRECT; durable after the guest's FLUSH. */
  DIRECT("direct");

  private final String key;

  CacheMode(String key) {
    this.key = key;
  }

  /** The word in the manifest. */
  public String key() {
    return key;
  }

  /** The mode that the manifest's word {@code key} stands for; the schema allows no other word. */
  static CacheMode ofKey(String key) {
    for (CacheMode mode : values()) {
      if (mode.key.equals(key)) {
        return mode;
      }
    }
    throw new IllegalArgumentException("no cache mode " + key);
  }
}
