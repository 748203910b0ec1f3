/** All tuples of `.debug_aranges` by what they cover: the unit of an address, or of a place in a section. */
import { SHN } from "../../elf/constants/section.ts";
import type { Dwarf, DwarfUnit } from "../dwarf.ts";
import type { FieldReader } from "../field.ts";
import type { RelocatablePlace, Resolver } from "../relocatable.ts";
import { sectionStart } from "../resolver.ts";
import { ArangeCursor } from "./aranges.ts";
import { referredUnit } from "./names-reference.ts";

/** Section number of what has a final address. */
const ABSOLUTE = -1;
const TWO_32 = 0x1_0000_0000;

/** Tuples of one section, sorted by start. Starts are halves, so that all 64 bits are exact. */
interface Covered {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly length: Float64Array;
  readonly set: Uint32Array;
  /** Distance from the first start to the furthest end of this tuple and all before it: how far back a search looks. */
  readonly reach: Float64Array;
}

/** Where a set says what its unit is. */
interface SetPlace {
  readonly reader: FieldReader;
  readonly unitField: number;
  readonly offsetSize: number;
}

/** Units by the addresses that `.debug_aranges` says they cover. */
export class ArangeIndex {
  readonly #dwarf: Dwarf;
  readonly #sets: readonly SetPlace[];
  readonly #sections: ReadonlyMap<number, Covered>;

  private constructor(dwarf: Dwarf, sets: readonly SetPlace[], sections: ReadonlyMap<number, Covered>) {
    this.#dwarf = dwarf;
    this.#sets = sets;
    this.#sections = sections;
  }

  /**
   * Reads every set of the file. Needs no resolver: what a section holds is found by section and offset.
   * @throws DwarfError at the first that is malformed
   */
  static of(dwarf: Dwarf): ArangeIndex {
    const rows = new Map<number, number[]>();
    const sets: SetPlace[] = [];
    for (const section of dwarf.sections.named("debug_aranges")) {
      const reader = dwarf.reader(section);
      const at = new ArangeCursor(reader);
      while (at.nextSet()) {
        sets.push({ reader, unitField: at.unitField, offsetSize: at.offsetSize });
        while (at.next()) addTuple(rows, at, sets.length - 1);
      }
    }
    const sections = new Map<number, Covered>();
    for (const [section, flat] of rows) sections.set(section, sorted(flat));
    return new ArangeIndex(dwarf, sets, sections);
  }

  /** The unit that covers a place; of several, the one whose range begins last. @throws DwarfError DWARF_BAD_REFERENCE */
  at(place: RelocatablePlace): DwarfUnit | undefined {
    const covered = place.symbol === 0 ? this.#sections.get(place.section ?? ABSOLUTE) : undefined;
    return covered === undefined ? undefined : this.#unit(search(covered, place.offset));
  }

  /**
   * The unit that covers a final address.
   * @param resolver who knows where sections are; the resolver in force if none is given. A section that it does not know
   *   is passed over.
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  atAddress(address: bigint, resolver: Resolver = this.#dwarf.sections.placement): DwarfUnit | undefined {
    const { elf } = this.#dwarf.sections;
    for (const [section, covered] of this.#sections) {
      const start = section === ABSOLUTE ? 0n : sectionStart(elf, section, resolver);
      const found = start === undefined || address < start ? -1 : search(covered, address - start);
      if (found >= 0) return this.#unit(found);
    }
    return undefined;
  }

  #unit(set: number): DwarfUnit | undefined {
    const place = this.#sets[set];
    return place && referredUnit(this.#dwarf, place.reader, place.unitField, place.offsetSize);
  }
}

/** Appends `high, low, length, set` of a tuple to its section's rows. */
function addTuple(rows: Map<number, number[]>, at: ArangeCursor, set: number): void {
  const { reader, length } = at;
  let section: number = ABSOLUTE;
  let high: number;
  let low: number;
  if (reader.isRelocated(at.startField)) {
    const { target, addend, minus } = at.start.info();
    const symbol = target?.symbol;
    const special = symbol?.special === true;
    const offset = addend + (symbol?.value ?? 0n);
    // Code that is not in this file: nobody asks for it here.
    const foreign =
      symbol?.sectionIndex === SHN.SHN_UNDEF || (special && symbol.sectionIndex !== SHN.SHN_ABS);
    if (foreign || minus !== undefined || offset < 0n) return;
    if (symbol !== undefined && !special) section = symbol.sectionIndex;
    high = Number(BigInt.asUintN(32, offset >> 32n));
    low = Number(BigInt.asUintN(32, offset));
  } else {
    at.finalStart();
    ({ high, low } = reader);
  }
  let flat = rows.get(section);
  if (flat === undefined) {
    flat = [];
    rows.set(section, flat);
  }
  flat.push(high, low, length, set);
}

function sorted(flat: readonly number[]): Covered {
  const count = flat.length / 4;
  const field = (row: number, which: number): number => flat[4 * row + which] ?? 0;
  const order = Uint32Array.from({ length: count }, (_, row) => row).sort(
    (a, b) => field(a, 0) - field(b, 0) || field(a, 1) - field(b, 1) || a - b,
  );
  const covered: Covered = {
    high: new Uint32Array(count),
    low: new Uint32Array(count),
    length: new Float64Array(count),
    set: new Uint32Array(count),
    reach: new Float64Array(count),
  };
  let furthest = 0;
  order.forEach((row, position) => {
    covered.high[position] = field(row, 0);
    covered.low[position] = field(row, 1);
    covered.length[position] = field(row, 2);
    covered.set[position] = field(row, 3);
    const start = distance(covered, 0, field(row, 0), field(row, 1));
    furthest = Math.max(furthest, start + field(row, 2));
    covered.reach[position] = furthest;
  });
  return covered;
}

/** The set of the tuple that covers an offset; -1 if none does. */
function search(covered: Covered, offset: bigint): number {
  const { high: highs, low: lows, length, set, reach } = covered;
  if (offset < 0n) return -1;
  const high = Number(BigInt.asUintN(32, offset >> 32n));
  const low = Number(BigInt.asUintN(32, offset));
  let from = 0;
  let to = highs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const its = highs[middle] ?? 0;
    if (its < high || (its === high && (lows[middle] ?? 0) <= low)) from = middle + 1;
    else to = middle;
  }
  const fromFirst = distance(covered, 0, high, low);
  for (let at = from - 1; at >= 0 && (reach[at] ?? 0) > fromFirst; at--) {
    if (distance(covered, at, high, low) < (length[at] ?? 0)) return set[at] ?? -1;
  }
  return -1;
}

/** From the start of a tuple to an offset. */
function distance({ high: highs, low: lows }: Covered, tuple: number, high: number, low: number): number {
  return (high - (highs[tuple] ?? 0)) * TWO_32 + low - (lows[tuple] ?? 0);
}
