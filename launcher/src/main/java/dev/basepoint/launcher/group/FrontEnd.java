package dev.basepoint.launcher.group;

/** Who drives a device server, which decides what it must be able to do. */
public enum FrontEnd {
  /** Our own vmm-main, through a window. */
  VMM_MAIN,

  /** Somebody's virtual machine monitor, through its guest's memory. */
  VHOST_USER
}
