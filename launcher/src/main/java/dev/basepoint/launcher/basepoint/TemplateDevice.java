package dev.basepoint.launcher.basepoint;

/**
 * What a guest knows a device by.
 *
 * @param name the device's name in its manifest
 * @param type blk, net or rng
 * @param identity a disk's serial, a network card's address, or empty
 */
public record TemplateDevice(String name, String type, String identity) {}
