/** What is inlined in the functions of a unit: the ranges of each function that was asked about, one behind the other. */
import type { InlineSink, UnitScanner } from "./scanner.ts";

const SECTION = 0;
const BEGIN = 1;
const END = 2;
const ENTRY = 3;
const DEPTH = 4;
const ROW = 5;

/** Inlined functions by place. */
export class InlineTable implements InlineSink {
  readonly #scanner: UnitScanner;
  readonly #rows: number[] = [];
  /** Where the rows of a function begin and end, by its entry. */
  readonly #functions = new Map<number, { readonly first: number; readonly last: number }>();

  constructor(scanner: UnitScanner) {
    this.#scanner = scanner;
  }

  /** The inlined functions at a place, outermost first, as offsets of their entries. @throws DwarfError */
  chain(entry: number, section: number, offset: number): number[] {
    let extent = this.#functions.get(entry);
    if (extent === undefined) {
      const first = this.#rows.length;
      // What was found before an error counts.
      try {
        this.#scanner.inlined(entry, this);
      } finally {
        extent = { first, last: this.#rows.length };
        this.#functions.set(entry, extent);
      }
    }
    const rows = this.#rows;
    const chain: number[] = [];
    for (let at = extent.first; at < extent.last; at += ROW) {
      const inside = (rows[at + BEGIN] ?? 0) <= offset && offset < (rows[at + END] ?? 0);
      // Of two at one level that overlap, the first counts; what is within one of another chain does not.
      if (inside && rows[at + SECTION] === section && rows[at + DEPTH] === chain.length + 1) {
        chain.push(rows[at + ENTRY] ?? 0);
      }
    }
    return chain;
  }

  addInlined(section: number, begin: number, end: number, entry: number, depth: number): void {
    this.#rows.push(section, begin, end, entry, depth);
  }
}
