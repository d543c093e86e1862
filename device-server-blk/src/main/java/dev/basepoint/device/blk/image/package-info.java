/** Disk images: what a block device reads and writes. */
package dev.basepoint.device.blk.image;
