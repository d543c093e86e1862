package dev.basepoint.launcher.manifest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class NearestTest {
  private static final List<String> KEYS = List.of("memory", "vcpus", "kernel", "console");

  @Test
  void findsSlips() {
    assertEquals(Optional.of("memory"), Nearest.choice("memroy", KEYS));
    assertEquals(Optional.of("memory"), Nearest.choice("Memory", KEYS));
    assertEquals(Optional.of("vcpus"), Nearest.choice("cpus", KEYS));
    assertEquals(Optional.of("kernel"), Nearest.choice("kernal", KEYS));
  }

  @Test
  void doesNotGuessWildly() {
    assertEquals(Optional.empty(), Nearest.choice("elephant", KEYS));
    assertEquals(Optional.empty(), Nearest.choice("x", KEYS));
    assertEquals(Optional.empty(), Nearest.choice("", KEYS));
    assertEquals(Optional.empty(), Nearest.choice("memory", List.of()));
  }
}
