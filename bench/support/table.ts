/** Rows under a header, in columns of their own width. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [header, ...rows.map((row) => row.map(String))]
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  const isText = (column: number) => rows.every((row) => typeof row[column] === 'string')
  return lines
    .map((line) =>
      line.map((cell, column) => (isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))),
    )
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n')
}
