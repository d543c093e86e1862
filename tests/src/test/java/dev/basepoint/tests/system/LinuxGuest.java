package dev.basepoint.tests.system;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A Linux in QEMU that carries out commands typed at its serial port. */
final class LinuxGuest implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 180;

  private final Process process;
  private final List<String> log = new ArrayList<>();
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

  /** What a command printed, and its exit status. */
  record Result(int status, String output) {}

  LinuxGuest(List<String> command) throws IOException {
    process = new ProcessBuilder(command).start();
    Thread.ofPlatform().daemon().name("serial").start(this::read);
    Thread.ofPlatform().daemon().name("complaints").start(this::readComplaints);
  }

  private void readComplaints() {
    try (var reader = process.errorReader(StandardCharsets.UTF_8)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        synchronized (log) {
          log.add(line);
        }
      }
    } catch (IOException e) {
      // Then there is nothing more to note.
    }
  }

  private void read() {
    try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        synchronized (log) {
          log.add(line);
        }
        lines.add(line.strip());
      }
    } catch (IOException e) {
      lines.add("reader ended: " + e);
    }
    lines.add("@ended");
  }

  void awaitReady() throws InterruptedException {
    while (!nextLine().equals("@ready")) {
      // Firmware and kernel talk first.
    }
  }

  private String nextLine() throws InterruptedException {
    String line = lines.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (line == null || line.equals("@ended")) {
      throw new AssertionError("the guest is silent or has ended:\n" + output());
    }
    return line;
  }

  /** Types a command, one line of shell, and waits for its end. */
  Result run(String command) throws Exception {
    type(command);
    StringBuilder output = new StringBuilder();
    while (true) {
      String line = nextLine();
      int done = line.indexOf("@done ");
      if (done >= 0) {
        // A command whose output has no last newline.
        output.append(line, 0, done);
        return new Result(Integer.parseInt(line.substring(done + 6)), output.toString().strip());
      }
      output.append(line).append('\n');
    }
  }

  /** As {@link #run}; a failure of the command is one of the test. */
  String check(String command) throws Exception {
    Result result = run(command);
    if (result.status != 0) {
      throw new AssertionError(
          command + " ended with " + result.status + ":\n" + result.output + "\n" + output());
    }
    return result.output;
  }

  private void type(String line) throws IOException {
    OutputStream keys = process.getOutputStream();
    keys.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    keys.flush();
  }

  /** Switches the machine off. */
  int powerOff() throws Exception {
    type("poweroff -f");
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("the guest does not power off:\n" + output());
    }
    return process.exitValue();
  }

  String output() {
    synchronized (log) {
      return String.join("\n", log);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
  }
}
