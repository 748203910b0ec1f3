/** What all benches share: medians, and tables of text. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Prints a table: the first column to the left, the others to the right. @param head the first of it is the title */
export function printColumns(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  for (const line of lines) {
    const cells = widths.map((width, i) =>
      i === 0 ? (line[i] ?? "").padEnd(width) : (line[i] ?? "").padStart(width),
    );
    console.log(cells.join("  ").trimEnd());
  }
  console.log();
}
