package dev.basepoint.launcher.fork;

/** Hears of templates that are made again; called on threads of their own. */
public interface TemplateEvents {
  /**
   * A template was made again.
   *
   * @param millis how long that took
   */
  void onRemade(String template, long millis);

  /** A template could not be made again; the old one stays. */
  void onRemakeFailed(String template, String reason);
}
