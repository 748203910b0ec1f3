/** A file as the tools see it: sections at 0, units in the order of its sections. */
import { readFileSync } from "node:fs";
import { DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM } from "../../../src/dwarf/constants/form.ts";
import { Dwarf, type DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import { LineHeader } from "../../../src/dwarf/read/line/header.ts";
import type { Resolver } from "../../../src/dwarf/relocation/resolver.ts";
import type { DebugSection } from "../../../src/dwarf/section.ts";
import { SHF, SHT } from "../../../src/elf/constants/section.ts";
import { ElfFile } from "../../../src/elf/file.ts";

/** What tools without a linker's knowledge take: each section begins at 0, and what is not defined is 0. */
const FLAT: Resolver = {
  sectionAddress: () => 0n,
  symbolAddress: () => 0n,
  threadOffset: (_, symbol) => symbol.value,
};

export function openFlat(path: string): Dwarf {
  return Dwarf.open(ElfFile.open(readFileSync(path), { name: path }), FLAT);
}

/** All units, section by section as those lie in the file. */
export function unitsInOrder(dwarf: Dwarf): DwarfUnit[] {
  return [...dwarf.units()].sort(
    (a, b) =>
      a.reader.section.elfSection.index - b.reader.section.elfSection.index ||
      a.header.offset - b.header.offset,
  );
}

/** The header of the line program that a unit has. */
export function unitProgram(unit: DwarfUnit): LineHeader | undefined {
  const at = unit.entries();
  if (!at.next()) return undefined;
  while (at.nextAttribute()) {
    if (at.attribute !== DW_AT.DW_AT_stmt_list) continue;
    const { dwarf } = unit;
    const sections = dwarf.sections.named("debug_line");
    // Where sections have one name, the relocation says which.
    const target = at.reader.infoAt(at.valueOffset, at.unit.offsetSize).target?.symbol.sectionIndex;
    const section = sections.find(({ elfSection }) => elfSection.index === target) ?? sections[0];
    return section && LineHeader.read(dwarf.reader(section), at.low, dwarf);
  }
  return undefined;
}

/**
 * Whether eu-readelf prints a section: libdw passes over those of groups, where type units are, and over those whose type
 * is a processor's own, as of MIPS and the frames that LLVM writes for x86-64.
 */
export function seenByElfutils({ elfSection }: DebugSection): boolean {
  return elfSection.type === SHT.SHT_PROGBITS && (elfSection.flags & SHF.SHF_GROUP) === 0;
}

/** Strings of a file, each decoded once: tools print some thousands of times. */
export class StringCache {
  readonly #dwarf: Dwarf;
  readonly #known = new Map<number, string | undefined>();

  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  /** The string that the cursor's current attribute is. */
  of(unit: DwarfUnit, at: EntryCursor): string | undefined {
    if (at.form !== DW_FORM.DW_FORM_strp || unit.isSplit) return this.#dwarf.string(unit, at);
    let text = this.#known.get(at.low);
    if (text === undefined) {
      text = this.#dwarf.string(unit, at);
      this.#known.set(at.low, text);
    }
    return text;
  }
}

/** Final value of the field of an address, as hexadecimal digits. */
export function finalHex(at: EntryCursor): string {
  const { reader } = at;
  reader.finalAddress(at.valueOffset, at.unit.addressSize);
  return hex64(reader.low, reader.high);
}

/** Halves as one hexadecimal number. */
export function hex64(low: number, high: number): string {
  return high === 0 ? low.toString(16) : high.toString(16) + (low >>> 0).toString(16).padStart(8, "0");
}
