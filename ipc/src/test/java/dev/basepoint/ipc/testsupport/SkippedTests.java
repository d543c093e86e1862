package dev.basepoint.ipc.testsupport;

import java.util.Map;
import java.util.TreeMap;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Says at the end of each module's tests which were skipped, and why: a build must not hide it. */
public final class SkippedTests implements TestExecutionListener {
  private final Map<String, String> reasons = new TreeMap<>();

  @Override
  public void executionSkipped(TestIdentifier test, String reason) {
    note(test, reason);
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    if (result.getStatus() == TestExecutionResult.Status.ABORTED) {
      note(test, result.getThrowable().map(Throwable::getMessage).orElse("no reason given"));
    }
  }

  private synchronized void note(TestIdentifier test, String reason) {
    String name =
        test.getParentIdObject()
            .map(parent -> parent.getLastSegment().getValue() + ".")
            .filter(parent -> parent.contains("dev.basepoint"))
            .orElse("");
    String why = reason == null ? "no reason given" : reason;
    reasons.put(name + test.getDisplayName(), why.replace("Assumption failed: ", ""));
  }

  @Override
  public synchronized void testPlanExecutionFinished(TestPlan plan) {
    reasons.forEach((test, reason) -> System.out.println("skipped " + test + ": " + reason));
    reasons.clear();
  }
}
