package dev.basepoint.launcher.manifest;

import java.nio.file.Path;

/** What a VM boots. */
public sealed interface KernelImage {
  /** The probe guest that is part of this program. */
  record Probe() implements KernelImage {}

  /** A PVH-capable ELF image. */
  record ElfFile(Path path) implements KernelImage {}
}
