package dev.basepoint.launcher.bench;

import java.util.Locale;
import java.util.Map;

/**
 * A launch benchmark as an SVG image: a bar for each way to the median, a whisker to the 99th
 * percentile, on a logarithmic scale, since the ways lie orders of magnitude apart.
 */
public final class LaunchChart {
  private static final int WIDTH = 760;
  private static final int LABEL_WIDTH = 190;
  private static final int VALUE_WIDTH = 150;
  private static final int ROW_HEIGHT = 34;
  private static final int BAR_HEIGHT = 18;
  private static final int TOP = 56;
  private static final int BOTTOM = 48;
  private static final String OURS = "#2a6f97";
  private static final String THEIRS = "#a8a29e";

  private final double minExponent;
  private final double maxExponent;

  private LaunchChart(double minExponent, double maxExponent) {
    this.minExponent = minExponent;
    this.maxExponent = maxExponent;
  }

  /** Draws {@code result}. */
  public static String draw(LaunchBench.Result result) {
    double min = Double.MAX_VALUE;
    double max = 0;
    for (Sample sample : result.bars().values()) {
      min = Math.min(min, sample.percentile(50));
      max = Math.max(max, sample.percentile(99));
    }
    LaunchChart chart =
        new LaunchChart(Math.floor(Math.log10(min)) - 1, Math.ceil(Math.log10(max)));
    return chart.svg(result);
  }

  private String svg(LaunchBench.Result result) {
    int height = TOP + result.bars().size() * ROW_HEIGHT + BOTTOM;
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                + " font-family=\"sans-serif\" font-size=\"13\">\n",
            WIDTH,
            height));
    svg.append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    text(svg, 16, 24, "start", "Time until a VM with three devices runs, ms (p50, whisker to p99)");
    grid(svg, height);
    int row = 0;
    for (Map.Entry<String, Sample> bar : result.bars().entrySet()) {
      bar(svg, TOP + row * ROW_HEIGHT, bar.getKey(), bar.getValue());
      row++;
    }
    text(svg, 16, height - 12, "start", result.host().describe());
    return svg.append("</svg>\n").toString();
  }

  private void grid(StringBuilder svg, int height) {
    for (double exponent = minExponent; exponent <= maxExponent; exponent++) {
      double millis = Math.pow(10, exponent);
      double x = x(millis);
      svg.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#e7e5e4\"/>\n",
              x,
              TOP - 12,
              x,
              height - BOTTOM + 4));
      text(
          svg,
          x,
          TOP - 16,
          "middle",
          millis < 1 ? Double.toString(millis) : String.format(Locale.ROOT, "%.0f", millis));
    }
  }

  private void bar(StringBuilder svg, int y, String name, Sample sample) {
    double p50 = sample.percentile(50);
    double p99 = sample.percentile(99);
    double middle = y + BAR_HEIGHT / 2.0;
    text(svg, LABEL_WIDTH - 10, y + 14, "end", name);
    svg.append(
        String.format(
            Locale.ROOT,
            "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
            LABEL_WIDTH,
            y,
            x(p50) - LABEL_WIDTH,
            BAR_HEIGHT,
            name.startsWith("QEMU") ? THEIRS : OURS));
    svg.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#1c1917\"/>\n",
            x(p50),
            middle,
            x(p99),
            middle));
    text(svg, x(p99) + 8, y + 14, "start", String.format(Locale.ROOT, "%.2f / %.2f", p50, p99));
  }

  private double x(double millis) {
    double share = (Math.log10(millis) - minExponent) / (maxExponent - minExponent);
    return LABEL_WIDTH + share * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
  }

  private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
            x,
            y,
            anchor,
            escaped));
  }
}
