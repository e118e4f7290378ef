// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes start with one
const COLOUR = /\x1b\[[0-9;]*m/g;

const widthOf = (text: string): number => text.replace(COLOUR, '').length;

/** Rows in aligned columns, indented, no borders: one line per row, so that grep and awk work. */
export function table(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => widthOf(row[i] ?? ''))));
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(cell)))).join('  ')}`.trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
