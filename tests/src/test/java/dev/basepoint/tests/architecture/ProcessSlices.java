package dev.basepoint.tests.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One slice for each kind of process: vmm-main, each device server, the launcher. */
final class ProcessSlices implements SliceAssignment {
  private static final Pattern PROCESS =
      Pattern.compile("dev\\.basepoint\\.(vmm|device\\.[a-z]+|launcher)(\\..*)?");

  @Override
  public SliceIdentifier getIdentifierOf(JavaClass javaClass) {
    Matcher matcher = PROCESS.matcher(javaClass.getPackageName());
    return matcher.matches() ? SliceIdentifier.of(matcher.group(1)) : SliceIdentifier.ignore();
  }

  @Override
  public String getDescription() {
    return "processes";
  }
}
