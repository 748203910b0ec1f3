/** What was compared in all, as a table at the end of a long run. */
import type { Comparison } from "./compare.ts";

export class Totals {
  readonly #kinds = new Map<string, { files: number; lines: number; differences: number }>();
  readonly #rules = new Map<string, number>();

  /** Adds the comparisons of a file. @returns its differences, with the names of what they are of */
  add(results: ReadonlyMap<string, Comparison>): string[] {
    const differences: string[] = [];
    for (const [kind, result] of results) {
      const total = this.#kinds.get(kind) ?? { files: 0, lines: 0, differences: 0 };
      if (result.lines > 0) total.files++;
      total.lines += result.lines;
      total.differences += result.differences.length;
      this.#kinds.set(kind, total);
      for (const [rule, count] of result.excused) this.#rules.set(rule, (this.#rules.get(rule) ?? 0) + count);
      differences.push(...result.differences.map((text) => `${kind}\n${text}`));
    }
    return differences;
  }

  /** Lines compared of a kind. */
  lines(kind: string): number {
    return this.#kinds.get(kind)?.lines ?? 0;
  }

  /** The tables: lines compared by kind, and how often each tool was excused. */
  toString(): string {
    const rows = [["", "files", "compared", "differ"]];
    for (const [kind, { files, lines, differences }] of this.#kinds) {
      rows.push([kind, String(files), lines.toLocaleString("en"), String(differences)]);
    }
    const rules = [...this.#rules].map(([rule, count]) => [rule, "", count.toLocaleString("en"), ""]);
    return [...rows, ["", "", "", ""], ["known to be wrong or other in the tools", "", "", ""], ...rules]
      .map(([name = "", ...numbers]) => name.padEnd(60) + numbers.map((text) => text.padStart(14)).join(""))
      .join("\n");
  }
}
