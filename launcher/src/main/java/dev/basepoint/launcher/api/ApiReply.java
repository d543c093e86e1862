package dev.basepoint.launcher.api;

import java.util.SequencedMap;

/** What the daemon answers to a request that it carried out. */
public sealed interface ApiReply {
  /** Facts by name: strings, numbers, booleans, lists and maps, as {@code --json} shows them. */
  record Facts(SequencedMap<String, Object> facts) implements ApiReply {}

  /**
   * A piece of a guest's output.
   *
   * @param position of the first byte since the VM's start; beyond what was asked for if older
   *     output was given up
   * @param ended whether no more will come
   */
  record Console(long position, byte[] output, boolean ended) implements ApiReply {}
}
