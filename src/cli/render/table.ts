/** Aligned columns without borders: easy to read, easy to cut(1). */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: (text: string, column: number, row: number) => string = (text) => text,
): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[], row: number) =>
    cells
      .map(
        (cell, i) =>
          paint(cell, i, row) + ' '.repeat(i === cells.length - 1 ? 0 : (widths[i] ?? 0) - cell.length),
      )
      .join('  ')
      .trimEnd();
  return [header, ...rows].map((cells, i) => `${line(cells, i - 1)}\n`).join('');
}
