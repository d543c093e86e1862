package dev.basepoint.launcher.basepoint;

/**
 * What a file must be.
 *
 * @param sizeBytes its length, holes included
 * @param pagesSha256 its {@link PageDigest}, in hexadecimal
 */
public record StoredFile(long sizeBytes, String pagesSha256) {}
