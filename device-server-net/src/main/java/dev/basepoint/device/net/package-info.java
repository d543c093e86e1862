/**
 * The network device server: virtio 1.2 section 5.1 over TAP, a stream socket or a built-in peer.
 */
package dev.basepoint.device.net;
