package dev.basepoint.launcher.basepoint;

/**
 * A template that was just made and lies on disk.
 *
 * @param memory what its clones share; the receiver closes it
 * @param ramBytes how much of its RAM is not zero
 * @param readyMillis from the start of the making to the guest's ready point
 */
public record CreatedTemplate(
    Template template, TemplateMemory memory, long ramBytes, double readyMillis)
    implements AutoCloseable {
  @Override
  public void close() {
    memory.close();
  }
}
