package dev.basepoint.launcher.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ReportFilterTest {
  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          hello|,                    hello|
          a|@probe {"x":1}|b|,       a|b|
          @probe {}|,                ''
          @probe {}|@probe {}|c,     c
          x@probe {}|,               x@probe {}|
          @prob e|,                  @prob e|
          @pro|@probe y|z,           @pro|z
          @prob,                     @prob
          """)
  void dropsReportLinesOnly(String input, String expected) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ReportFilter filter = new ReportFilter(out)) {
      filter.write(input.replace('|', '\n').getBytes(StandardCharsets.US_ASCII));
    }
    assertEquals(expected.replace('|', '\n'), out.toString(StandardCharsets.US_ASCII));
  }
}
