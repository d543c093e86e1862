package dev.basepoint.ipc.control;

/**
 * The order of requests on a device channel, kept by both sides.
 *
 * <pre>
 *           Hello         Describe          Activate          Run
 *   FRESH --------> GREETED ------> DESCRIBED -----> ACTIVE -----> RUNNING
 *                                    ^   ^            |  ^           |  |
 *                                    |   +--- Halt ---+  +-- Drain --+  |
 *                                    +------------- Halt ---------------+
 * </pre>
 *
 * WriteConfig is allowed from DESCRIBED on, Describe may be repeated there, Ping at any time after
 * Hello.
 */
public final class DeviceLifecycle {
  /** Where the conversation stands. */
  public enum State {
    FRESH,
    GREETED,
    DESCRIBED,
    ACTIVE,
    RUNNING
  }

  private State state = State.FRESH;

  /** The current state. */
  public State state() {
    return state;
  }

  /**
   * Checks that {@code request} may come now, before it is carried out.
   *
   * @throws RequestFailedException with code OUT_OF_ORDER if not
   */
  public void require(DeviceRequest request) throws RequestFailedException {
    if (next(request) == null) {
      throw new RequestFailedException(
          RequestFailedException.Code.OUT_OF_ORDER,
          request.getClass().getSimpleName() + " in state " + state);
    }
  }

  /** Moves on after {@code request} was carried out. */
  public void done(DeviceRequest request) {
    State next = next(request);
    if (next != null) {
      state = next;
    }
  }

  private State next(DeviceRequest request) {
    boolean described = state.compareTo(State.DESCRIBED) >= 0;
    return switch (request) {
      case DeviceRequest.Hello _ -> state == State.FRESH ? State.GREETED : null;
      case DeviceRequest.Describe _ ->
          state == State.GREETED || state == State.DESCRIBED ? State.DESCRIBED : null;
      case DeviceRequest.Activate _ -> state == State.DESCRIBED ? State.ACTIVE : null;
      case DeviceRequest.Run _ -> state == State.ACTIVE ? State.RUNNING : null;
      case DeviceRequest.Drain _ -> state == State.RUNNING ? State.ACTIVE : null;
      case DeviceRequest.Halt _ ->
          state == State.ACTIVE || state == State.RUNNING ? State.DESCRIBED : null;
      case DeviceRequest.WriteConfig _ -> described ? state : null;
      case DeviceRequest.Ping _ -> state == State.FRESH ? null : state;
    };
  }
}
