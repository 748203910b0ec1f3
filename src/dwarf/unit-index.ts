/** All units of a file, found by place or by signature. */
import { DW_UT } from "./constants/unit.ts";
import type { UnitHeader } from "./read/unit/header.ts";
import type { DebugSection } from "./section.ts";

/** What a unit must say of itself to be found. */
export interface IndexedUnit {
  readonly header: UnitHeader;
  readonly reader: { readonly section: DebugSection };
}

/** Units by place and by type signature. */
export class UnitIndex<Unit extends IndexedUnit> implements Iterable<Unit> {
  readonly #bySection = new Map<DebugSection, Unit[]>();
  readonly #bySignature = new Map<bigint, Unit>();

  /** Takes units in the order of the file. */
  constructor(units: Iterable<Unit>) {
    for (const unit of units) {
      const { section } = unit.reader;
      const same = this.#bySection.get(section);
      if (same === undefined) this.#bySection.set(section, [unit]);
      else same.push(unit);
      const { unitType, signature } = unit.header;
      const isType = unitType === DW_UT.DW_UT_type || unitType === DW_UT.DW_UT_split_type;
      if (isType && !this.#bySignature.has(signature)) this.#bySignature.set(signature, unit);
    }
  }

  /** All units, section by section. */
  *[Symbol.iterator](): IterableIterator<Unit> {
    for (const units of this.#bySection.values()) yield* units;
  }

  /** The unit that holds an offset of a section. */
  at(section: DebugSection, offset: number): Unit | undefined {
    const units = this.#bySection.get(section) ?? [];
    let low = 0;
    let high = units.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((units[middle]?.header.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const unit = units[low];
    return unit !== undefined && offset >= unit.header.entries ? unit : undefined;
  }

  /** The type unit with that signature. */
  type(signature: bigint): Unit | undefined {
    return this.#bySignature.get(signature);
  }
}
