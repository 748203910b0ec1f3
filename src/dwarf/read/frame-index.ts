/** The FDEs of one section, sorted by what they cover: the look-up that a file without a search table needs. */
import { SHN } from "../../elf/constants/section.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { Resolver } from "../relocatable.ts";
import type { DebugSection } from "../section.ts";
import type { Fde } from "./frame-entry.ts";

/** Section number of what has a final address. */
const ABSOLUTE = -1;
const TWO_32 = 0x1_0000_0000;

/** What one section's FDEs cover, sorted by start. Starts are halves, so that all 64 bits are exact. */
interface Covered {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly size: Float64Array;
  readonly entry: Float64Array;
  /** Position of the nearest one before that reaches further than this one; -1 if none does. */
  readonly outer: Int32Array;
}

export class FrameIndex {
  readonly #elf: ElfFile;
  readonly #sections: ReadonlyMap<number, Covered>;

  private constructor(elf: ElfFile, sections: ReadonlyMap<number, Covered>) {
    this.#elf = elf;
    this.#sections = sections;
  }

  /** Takes all FDEs of a section, and whatever error there is among them. */
  static of(section: DebugSection, fdes: Iterable<Fde>): FrameIndex {
    const rows = new Map<number, number[]>();
    for (const fde of fdes) addFde(rows, fde, section.relocations !== undefined);
    const sections = new Map<number, Covered>();
    for (const [index, flat] of rows) sections.set(index, sorted(flat));
    return new FrameIndex(section.elf, sections);
  }

  /** Offset of the FDE that covers an offset in a section; -1 if none does. */
  findIn(section: number, offset: number): number {
    const covered = this.#sections.get(section);
    if (covered === undefined || !(offset >= 0)) return -1;
    return search(covered, Math.floor(offset / TWO_32), offset % TWO_32);
  }

  /** Offset of the FDE that covers an address; -1 if none does. */
  find(address: bigint, resolver: Resolver): number {
    for (const [section, covered] of this.#sections) {
      const start = section === ABSOLUTE ? 0n : resolver.sectionAddress(this.#elf, section);
      if (start === undefined || address < start) continue;
      const inside = address - start;
      const found = search(covered, Number(inside >> 32n), Number(inside & 0xffff_ffffn));
      if (found >= 0) return found;
    }
    return -1;
  }
}

/** Appends `high, low, size, entry` of an FDE to its section's rows. */
function addFde(rows: Map<number, number[]>, fde: Fde, relocated: boolean): void {
  const { pointers } = fde.cie;
  if (!relocated) {
    pointers.locate(fde.startAt);
    rowsOf(rows, ABSOLUTE).push(pointers.high, pointers.low, fde.size, fde.offset);
    return;
  }
  const { target, addend, minus } = fde.start.info();
  const section = target === undefined ? ABSOLUTE : target.symbol.sectionIndex;
  const offset = addend + (target?.symbol.value ?? 0n);
  const isElsewhere = target?.symbol.special === true || section === SHN.SHN_UNDEF;
  // Code that is not in this file: nobody asks for it here.
  if (isElsewhere || minus !== undefined || offset < 0n) return;
  const high = Number((offset >> 32n) & 0xffff_ffffn);
  rowsOf(rows, section).push(high, Number(offset & 0xffff_ffffn), fde.size, fde.offset);
}

function rowsOf(rows: Map<number, number[]>, section: number): number[] {
  let flat = rows.get(section);
  if (flat === undefined) {
    flat = [];
    rows.set(section, flat);
  }
  return flat;
}

function sorted(flat: readonly number[]): Covered {
  const count = flat.length / 4;
  const field = (row: number, which: number): number => flat[4 * row + which] ?? 0;
  const order = Uint32Array.from({ length: count }, (_, row) => row).sort(
    (a, b) => field(a, 0) - field(b, 0) || field(a, 1) - field(b, 1) || field(a, 3) - field(b, 3),
  );
  const high = new Uint32Array(count);
  const low = new Uint32Array(count);
  const size = new Float64Array(count);
  const entry = new Float64Array(count);
  const outer = new Int32Array(count);
  const covered = { high, low, size, entry, outer };
  order.forEach((row, position) => {
    high[position] = field(row, 0);
    low[position] = field(row, 1);
    size[position] = field(row, 2);
    entry[position] = field(row, 3);
    let before = position - 1;
    while (
      before >= 0 &&
      field(row, 2) + distance(covered, before, field(row, 0), field(row, 1)) >= (size[before] ?? 0)
    ) {
      before = outer[before] ?? -1;
    }
    outer[position] = before;
  });
  return covered;
}

/** From the start at a position on; exact below 2^53, and what is more is past the end anyway. */
function distance({ high: highs, low: lows }: Covered, at: number, high: number, low: number): number {
  return (high - (highs[at] ?? 0)) * TWO_32 + low - (lows[at] ?? 0);
}

function search(covered: Covered, high: number, low: number): number {
  const { high: highs, low: lows, size, entry, outer } = covered;
  let from = 0;
  let to = highs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const its = highs[middle] ?? 0;
    if (its < high || (its === high && (lows[middle] ?? 0) <= low)) from = middle + 1;
    else to = middle;
  }
  // Ranges may lie in one another; the latest start is the innermost.
  for (let at = from - 1; at >= 0; at = outer[at] ?? -1) {
    if (distance(covered, at, high, low) < (size[at] ?? 0)) return entry[at] ?? -1;
  }
  return -1;
}
