package dev.basepoint.launcher.output;

import java.util.ArrayList;
import java.util.List;

/** Rows of cells in aligned columns: in a box on a terminal, separated by blanks in a pipe. */
public final class Table {
  /** Which side of its column a cell keeps to. */
  public enum Align {
    LEFT,
    RIGHT
  }

  /** A cell's text and look. */
  public record Cell(String text, Style style) {
    /** A cell without a look of its own. */
    public static Cell of(String text) {
      return new Cell(text, Style.PLAIN);
    }
  }

  private record Column(String heading, Align align) {}

  private final List<Column> columns = new ArrayList<>();
  private final List<List<Cell>> rows = new ArrayList<>();

  /** Adds a column to the right. */
  public Table column(String heading, Align align) {
    columns.add(new Column(heading, align));
    return this;
  }

  /** Adds a row; it must have as many cells as there are columns. */
  public void row(Cell... cells) {
    if (cells.length != columns.size()) {
      throw new IllegalArgumentException(
          cells.length + " cells for " + columns.size() + " columns");
    }
    rows.add(List.of(cells));
  }

  /** Adds a row of plain cells. */
  public void row(String... texts) {
    Cell[] cells = new Cell[texts.length];
    for (int i = 0; i < texts.length; i++) {
      cells[i] = Cell.of(texts[i]);
    }
    row(cells);
  }

  /** Prints the table to standard output. */
  public void print(Terminal terminal) {
    for (String line : render(terminal)) {
      terminal.out().println(line);
    }
  }

  /** The table's lines as {@code terminal}'s standard output shows them. */
  public List<String> render(Terminal terminal) {
    int[] widths = new int[columns.size()];
    for (int i = 0; i < widths.length; i++) {
      widths[i] = columns.get(i).heading.length();
      for (List<Cell> row : rows) {
        widths[i] = Math.max(widths[i], row.get(i).text.length());
      }
    }
    List<Cell> headings =
        columns.stream().map(column -> new Cell(column.heading, Style.BOLD)).toList();
    List<String> lines = new ArrayList<>();
    if (!terminal.outIsTerminal()) {
      lines.add(plain(headings, widths));
      rows.forEach(row -> lines.add(plain(row, widths)));
      return lines;
    }
    Box box = terminal.outHasUnicode() ? Box.UNICODE : Box.ASCII;
    lines.add(rule(box.top(), box.horizontal(), widths, terminal));
    lines.add(boxed(headings, widths, box, terminal));
    lines.add(rule(box.middle(), box.horizontal(), widths, terminal));
    rows.forEach(row -> lines.add(boxed(row, widths, box, terminal)));
    lines.add(rule(box.bottom(), box.horizontal(), widths, terminal));
    return lines;
  }

  private String plain(List<Cell> cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      line.append(pad(cells.get(i).text, widths[i], columns.get(i).align)).append("  ");
    }
    return line.toString().stripTrailing();
  }

  private String boxed(List<Cell> cells, int[] widths, Box box, Terminal terminal) {
    String bar = terminal.paint(Style.DIM, box.vertical());
    StringBuilder line = new StringBuilder(bar);
    for (int i = 0; i < widths.length; i++) {
      Cell cell = cells.get(i);
      String padded = pad(cell.text, widths[i], columns.get(i).align);
      line.append(' ').append(terminal.paint(cell.style, padded)).append(' ').append(bar);
    }
    return line.toString();
  }

  private static String rule(String corners, String horizontal, int[] widths, Terminal terminal) {
    StringBuilder line = new StringBuilder(corners.substring(0, 1));
    for (int i = 0; i < widths.length; i++) {
      line.append(horizontal.repeat(widths[i] + 2));
      line.append(i + 1 < widths.length ? corners.charAt(1) : corners.charAt(2));
    }
    return terminal.paint(Style.DIM, line.toString());
  }

  private static String pad(String text, int width, Align align) {
    String blanks = " ".repeat(width - text.length());
    return align == Align.LEFT ? text + blanks : blanks + text;
  }

  /**
   * The characters of a box.
   *
   * @param top left corner, joint and right corner of the upper edge
   */
  private record Box(String top, String middle, String bottom, String horizontal, String vertical) {
    static final Box UNICODE = new Box("╭┬╮", "├┼┤", "╰┴╯", "─", "│");
    static final Box ASCII = new Box("+++", "+++", "+++", "-", "|");
  }
}
