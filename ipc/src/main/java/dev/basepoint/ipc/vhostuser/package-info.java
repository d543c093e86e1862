/**
 * The vhost-user protocol (docs/interop/vhost-user in QEMU's documentation): how a virtual machine
 * monitor, the front end, hands the virtqueues of a device to another process, the back end.
 *
 * <p>Messages and their codec serve both ends. {@link dev.basepoint.ipc.vhostuser.BackEndSession}
 * is the back end's half of a connection; what serves the queues is behind {@link
 * dev.basepoint.ipc.vhostuser.BackEndDevice}.
 */
package dev.basepoint.ipc.vhostuser;
