package dev.basepoint.tests.architecture;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules of the code base that a machine can check. */
class ArchitectureTest {
  private static final String LINUX = "dev.basepoint.ipc.linux..";

  private static JavaClasses production;

  @BeforeAll
  static void importClasses() {
    production =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("dev.basepoint");
  }

  @Test
  void nativeCallsAreMadeInOnePackage() {
    noClasses()
        .that()
        .resideOutsideOfPackage(LINUX)
        .should()
        .dependOnClassesThat()
        .areAssignableTo(Linker.class)
        .orShould()
        .dependOnClassesThat()
        .areAssignableTo(SymbolLookup.class)
        .orShould()
        .callMethodWhere(
            target(owner(nameMatching(MemorySegment.class.getName())))
                .and(target(nameMatching("reinterpret|ofAddress"))))
        .because("restricted calls are reviewed in one place")
        .check(production);
  }

  @Test
  void downcallsAreMadeInOneClass() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("dev.basepoint.ipc.linux.Libc")
        .should()
        .dependOnClassesThat()
        .areAssignableTo(Linker.class)
        .because("every further downcall shape costs start-up time")
        .check(production);
  }

  @Test
  void processesMeetOnlyInIpc() {
    slices()
        .assignedFrom(new ProcessSlices())
        .should()
        .notDependOnEachOther()
        .because("what runs in separate processes talks over channels, not by calls")
        .check(production);
  }

  @Test
  void ipcKnowsNobody() {
    noClasses()
        .that()
        .resideInAPackage("dev.basepoint.ipc..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.basepoint.vmm..",
            "dev.basepoint.device..",
            "dev.basepoint.launcher..",
            "dev.basepoint.sandbox..",
            "dev.basepoint.tests..")
        .check(production);
  }

  @Test
  void packagesOfIpcHaveNoCycles() {
    slices().matching("dev.basepoint.ipc.(*)..").should().beFreeOfCycles().check(production);
  }

  @Test
  void packagesOfVmmMainHaveNoCycles() {
    slices().matching("dev.basepoint.vmm.(*)..").should().beFreeOfCycles().check(production);
  }

  @Test
  void wireFormatStaysInTheControlPackage() {
    classes()
        .that()
        .resideInAPackage("dev.basepoint.ipc.control.proto..")
        .should()
        .onlyBeAccessed()
        .byAnyPackage("dev.basepoint.ipc.control..")
        .because("everybody else handles checked, typed messages")
        .check(production);
  }

  @Test
  void childrenStartNoProcessesAndOpenNoSockets() {
    noClasses()
        .that()
        .resideInAnyPackage("dev.basepoint.vmm..", "dev.basepoint.device..")
        .should()
        .dependOnClassesThat()
        .haveNameMatching(
            "java\\.net\\.(Socket|ServerSocket|http\\..*)|java\\.lang\\.(ProcessBuilder|Runtime\\$.*)"
                + "|dev\\.basepoint\\.ipc\\.linux\\.(ChildProcess|TapDevice|NetworkNamespace)")
        .because("a child gets everything as descriptors")
        .check(production);
  }
}
