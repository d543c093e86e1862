package dev.basepoint.launcher.manifest;

import java.util.OptionalLong;

/**
 * How a VM becomes a template, and how clones of it are kept in stock.
 *
 * @param ready what says that the guest is ready
 * @param timeoutMillis from the first guest instruction until the guest is ready
 * @param maxForks forks after which the template must be made anew; empty for no limit
 * @param maxAgeMillis age at which it must be made anew; empty for no limit
 * @param pool clones that are kept prepared
 * @param memoryBudgetBytes most memory for the prepared clones together; empty for no limit
 */
public record BasepointSpec(
    ReadyPoint ready,
    long timeoutMillis,
    OptionalLong maxForks,
    OptionalLong maxAgeMillis,
    int pool,
    OptionalLong memoryBudgetBytes) {
  /** What a manifest without the section means. */
  public static final BasepointSpec DEFAULT =
      new BasepointSpec(
          new ReadyPoint.Doorbell(),
          60_000,
          OptionalLong.empty(),
          OptionalLong.empty(),
          1,
          OptionalLong.empty());

  /** The same, with something else that says that the guest is ready. */
  public BasepointSpec withReady(ReadyPoint otherReady) {
    return new BasepointSpec(
        otherReady, timeoutMillis, maxForks, maxAgeMillis, pool, memoryBudgetBytes);
  }
}
