/**
 * The virtio-blk device server, virtio 1.2 §5.2. Trusts neither the guest's requests nor vmm-main's
 * messages; holds its window, its channels and the image's descriptor.
 */
package dev.basepoint.device.blk;
