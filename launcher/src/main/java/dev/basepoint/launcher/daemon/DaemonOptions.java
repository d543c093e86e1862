package dev.basepoint.launcher.daemon;

/**
 * How a daemon behaves.
 *
 * @param vmsMax VMs at the same time
 * @param memoryBytes for all VMs together
 */
public record DaemonOptions(int vmsMax, long memoryBytes) {
  /** Unless told otherwise. */
  public static final int VMS_MAX_DEFAULT = 256;
}
