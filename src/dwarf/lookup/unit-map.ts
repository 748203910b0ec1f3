/**
 * Which unit covers a place. What costs least is asked first: `.debug_aranges` for the units that it lists, the root
 * entries of the others; then, where none of these knows a place, the root entries of all, and the line programs of units
 * whose root entries say nothing.
 */
import type { Dwarf, DwarfUnit } from "../dwarf.ts";
import { ArangeCursor } from "../read/names/aranges.ts";
import { Intervals } from "./intervals.ts";
import { NOWHERE } from "./place-reader.ts";
import type { PlaceReaders } from "./scanner.ts";
import type { UnitCode } from "./unit-code.ts";

/** Takes what could not be read, so that the rest can. */
export type Skipped = (error: unknown) => void;

/** Ways to find units, in the order they are tried. */
export const WAYS = 3;

/** Units by the places that they cover. */
export class UnitMap {
  readonly #units: readonly DwarfUnit[];
  readonly #dwarf: Dwarf;
  readonly #readers: PlaceReaders;
  readonly #codeOf: (unit: DwarfUnit) => UnitCode;
  readonly #skipped: Skipped;
  readonly #ways: (Intervals | undefined)[] = [];

  /** @param skipped is told of units that could not be read */
  constructor(dwarf: Dwarf, readers: PlaceReaders, codeOf: (unit: DwarfUnit) => UnitCode, skipped: Skipped) {
    this.#dwarf = dwarf;
    this.#readers = readers;
    this.#codeOf = codeOf;
    this.#skipped = skipped;
    this.#units = [...dwarf.units(skipped)].filter((unit) => !unit.isType && !unit.isSplit);
  }

  /** All units that may have code, in the order of the file. */
  get units(): readonly DwarfUnit[] {
    return this.#units;
  }

  /**
   * The units that cover a place, by one of the {@link WAYS}; mostly one, or none.
   * @param way 0 to `WAYS - 1`: those after the first make tables that cost more, and find what the others miss
   */
  find(way: number, section: number, offset: number): DwarfUnit[] {
    this.#ways[way] ??= this.#make(way);
    const found: DwarfUnit[] = [];
    for (const index of this.#ways[way]?.findAll(section, offset) ?? []) {
      const unit = this.#units[index];
      if (unit !== undefined) found.push(unit);
    }
    return found;
  }

  /** The unit that covers a place, by what costs least: that whose range begins last; `undefined` where none does. */
  first(section: number, offset: number): DwarfUnit | undefined {
    this.#ways[0] ??= this.#make(0);
    return this.#units[this.#ways[0].find(section, offset)];
  }

  #make(way: number): Intervals {
    const intervals = new Intervals();
    if (way === 0) {
      const listed = this.#addAranges(intervals);
      this.#addRoots(intervals, (index) => !listed.has(index));
    } else if (way === 1) this.#addRoots(intervals, () => true);
    else this.#addLines(intervals);
    return intervals;
  }

  #addAranges(intervals: Intervals): Set<number> {
    const listed = new Set<number>();
    const { sections } = this.#dwarf;
    // With several sections of units, which one an offset is in is more than this cares to find out.
    const infos = sections.named("debug_info").filter(({ section }) => !section.endsWith(".dwo"));
    if (infos.length !== 1) return listed;
    const byOffset = new Map(this.#units.map(({ header }, index) => [header.offset, index] as const));
    for (const section of sections.named("debug_aranges")) {
      const reader = this.#dwarf.reader(section);
      const places = this.#readers.placesOf(reader);
      try {
        const at = new ArangeCursor(reader);
        while (at.nextSet()) {
          const index = byOffset.get(at.unitOffset);
          while (index !== undefined && at.next()) {
            places.read(at.startField, at.addressSize);
            if (places.section === NOWHERE || at.length === 0) continue;
            intervals.add(places.section, places.offset, places.offset + at.length, index);
            listed.add(index);
          }
        }
      } catch (error) {
        this.#skipped(error);
      }
    }
    return listed;
  }

  #addRoots(intervals: Intervals, wanted: (index: number) => boolean): void {
    this.#units.forEach((unit, index) => {
      if (!wanted(index)) return;
      try {
        this.#codeOf(unit).coverTo(intervals, index);
      } catch (error) {
        this.#skipped(error);
      }
    });
  }

  #addLines(intervals: Intervals): void {
    this.#units.forEach((unit, index) => {
      try {
        const code = this.#codeOf(unit);
        if (code.saysCoverage) return;
        code.lines()?.coverTo(intervals, index);
        code.functionsTo(intervals, index);
      } catch (error) {
        this.#skipped(error);
      }
    });
  }
}
