package dev.basepoint.launcher.group;

import dev.basepoint.ipc.linux.Fd;
import dev.basepoint.sandbox.jail.Jail;
import dev.basepoint.sandbox.jail.JailedProcess;
import dev.basepoint.sandbox.jail.JvmFiles;
import dev.basepoint.sandbox.jail.Level;
import dev.basepoint.sandbox.policy.Policy;
import dev.basepoint.sandbox.policy.PolicyParser;
import java.io.IOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Where the children of a group start: a jail for each role, since each role sees its own jar only.
 */
final class Sandbox implements AutoCloseable {
  private record Prepared(Jail jail, Policy policy) {}

  private final Level level;
  private final Installation installation;
  private final FrontEnd frontEnd;
  private final Map<Role, Prepared> roles = new EnumMap<>(Role.class);

  Sandbox(Level level, Installation installation, FrontEnd frontEnd) {
    this.level = level;
    this.installation = installation;
    this.frontEnd = frontEnd;
  }

  /** What a violation comes to. */
  Level level() {
    return level;
  }

  /** The policy that processes of {@code role} run under. */
  Policy policy(Role role) throws IOException {
    return prepared(role).policy();
  }

  /**
   * Starts a process; see {@link Jail#start}.
   *
   * @throws dev.basepoint.sandbox.jail.JailException if the host lacks a facility
   */
  JailedProcess start(GroupMember member, List<Fd> fds) throws IOException {
    Prepared prepared = prepared(member.role());
    return prepared
        .jail()
        .start(
            prepared.policy(),
            member.name(),
            member.given(),
            installation.command(member),
            List.of(),
            fds);
  }

  private Prepared prepared(Role role) throws IOException {
    Prepared prepared = roles.get(role);
    if (prepared == null) {
      JvmFiles files = JvmFiles.of(installation.javaHome(), installation.files(role));
      prepared = new Prepared(Jail.open(level, files), PolicyParser.shipped(role.policy(frontEnd)));
      roles.put(role, prepared);
    }
    return prepared;
  }

  /** To be called when every process has ended. */
  @Override
  public void close() throws IOException {
    for (Prepared prepared : roles.values()) {
      prepared.jail().close();
    }
    roles.clear();
  }
}
