/** All tuples of `.debug_aranges` by what they cover: the unit of an address, or of a place in a section. */
import type { Dwarf, DwarfUnit } from "../../dwarf.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { RelocatablePlace, Resolver } from "../../relocation/relocatable.ts";
import { ArangeCursor } from "./aranges.ts";
import { ABSOLUTE, CoveredRanges } from "./covered-ranges.ts";
import { referredUnit } from "./reference.ts";

/** Where a set says what its unit is. */
interface SetPlace {
  readonly reader: FieldReader;
  readonly unitField: number;
  readonly offsetSize: number;
}

/** Units by the addresses that `.debug_aranges` says they cover. */
export class ArangeIndex {
  readonly #dwarf: Dwarf;
  readonly #sets: SetPlace[] = [];
  /** Ranges that lead to the numbers of their sets. */
  readonly #ranges = new CoveredRanges();

  private constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  /**
   * Reads every set of the file. Needs no resolver: what a section holds is found by section and offset.
   * @throws DwarfError at the first that is malformed
   */
  static of(dwarf: Dwarf): ArangeIndex {
    const index = new ArangeIndex(dwarf);
    for (const section of dwarf.sections.named("debug_aranges")) {
      const reader = dwarf.reader(section);
      const at = new ArangeCursor(reader);
      while (at.nextSet()) {
        index.#sets.push({ reader, unitField: at.unitField, offsetSize: at.offsetSize });
        while (at.next()) index.#add(at);
      }
    }
    return index;
  }

  /** The unit that covers a place; of several, the one whose range begins last. @throws DwarfError DWARF_BAD_REFERENCE */
  at({ section = ABSOLUTE, symbol, offset }: RelocatablePlace): DwarfUnit | undefined {
    return symbol === 0 ? this.#unit(this.#ranges.findIn(section, offset)) : undefined;
  }

  /**
   * The unit that covers a final address.
   * @param resolver who knows where sections are; the resolver in force if none is given. A section that it does not know
   *   is passed over.
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  atAddress(address: bigint, resolver: Resolver = this.#dwarf.sections.placement): DwarfUnit | undefined {
    return this.#unit(this.#ranges.find(this.#dwarf.sections.elf, address, resolver));
  }

  #add(at: ArangeCursor): void {
    const { reader, length } = at;
    const set = this.#sets.length - 1;
    if (reader.isRelocated(at.startField)) this.#ranges.addAt(at.start.info(), length, set);
    else {
      at.finalStart();
      this.#ranges.add(ABSOLUTE, reader.high, reader.low, length, set);
    }
  }

  #unit(set: number): DwarfUnit | undefined {
    const place = this.#sets[set];
    return place && referredUnit(this.#dwarf, place.reader, place.unitField, place.offsetSize);
  }
}
