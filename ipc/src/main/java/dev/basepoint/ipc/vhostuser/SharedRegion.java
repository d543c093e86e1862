package dev.basepoint.ipc.vhostuser;

import dev.basepoint.ipc.linux.Fd;

/**
 * A piece of the front end's memory that it shares, as it describes it; nothing here is checked.
 *
 * @param baseGpa where the guest sees it
 * @param sizeBytes its size
 * @param userAddress where the front end itself has it mapped; ring addresses are given in these
 * @param mmapOffset where it starts in {@code memory}
 * @param memory the file to map, or null where a region is only named
 */
public record SharedRegion(
    long baseGpa, long sizeBytes, long userAddress, long mmapOffset, Fd memory) {}
