/** Copy-on-write overlays of disk images: their format, and reading what they show together. */
package dev.basepoint.ipc.disk;
