package dev.basepoint.ipc.control;

/**
 * One channel's message set: how its typed messages become frames and back. Decoding checks every
 * field and the number of descriptors; a message that decodes satisfies its type's invariants.
 *
 * @param <Q> requests
 * @param <A> replies to requests
 * @param <E> events, which nobody asked for
 */
public interface Protocol<Q, A, E> {
  /** What a requester sends. */
  record Request<Q>(long id, int deadlineMillis, Q body) {}

  /** What a responder sends. */
  sealed interface Answer<A, E> {}

  record Reply<A, E>(long id, A body) implements Answer<A, E> {}

  record Failure<A, E>(long id, RequestFailedException.Code code, String message)
      implements Answer<A, E> {}

  record Event<A, E>(E body) implements Answer<A, E> {}

  Frame encodeRequest(Request<Q> request);

  /** Takes over the frame's descriptors; closes them all if it throws. */
  Request<Q> decodeRequest(Frame frame) throws ProtocolException;

  Frame encodeAnswer(Answer<A, E> answer);

  /** Takes over the frame's descriptors; closes them all if it throws. */
  Answer<A, E> decodeAnswer(Frame frame) throws ProtocolException;
}
