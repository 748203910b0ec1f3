/** From the name of a function to its code. */
import type { DwarfUnit } from "../dwarf.ts";
import { entryRanges } from "../read/list/range.ts";
import type { Relocatable } from "../relocation/relocatable.ts";
import { addressOf } from "./place-reader.ts";
import type { CodeUnits } from "./unit-code.ts";

/** Code of a function, or a copy of it that was inlined. */
export interface FoundFunction {
  /** Section of a relocatable file; `undefined` in a linked one. */
  readonly section: number | undefined;
  /** Where its first range begins: from the start of the section, or the address. */
  readonly offset: bigint;
  /** The same, relocatable. */
  readonly address: Relocatable | undefined;
  readonly name: string | undefined;
  readonly linkageName: string | undefined;
  readonly inlined: boolean;
  readonly unit: DwarfUnit;
  /** Offset of the entry in its section. */
  readonly entry: number;
}

/**
 * All functions of a name that have code, in the order of the file.
 * @param name as the source has it, without namespaces, or as linkers have it
 * @param inlined also copies that were inlined
 * @param skipped is told of units that could not be read
 */
export function* findFunction(
  lookup: CodeUnits,
  name: string,
  inlined: boolean,
  skipped: (error: unknown) => void,
): IterableIterator<FoundFunction> {
  for (const unit of lookup.units) {
    try {
      yield* findInUnit(lookup, unit, name, inlined);
    } catch (error) {
      skipped(error);
    }
  }
}

function* findInUnit(
  lookup: CodeUnits,
  skeleton: DwarfUnit,
  wanted: string,
  inlined: boolean,
): IterableIterator<FoundFunction> {
  const code = lookup.bodyOf(skeleton);
  const { unit, scanner } = code;
  const functions = new Map<number, { section: number; begin: number }>();
  scanner.functions(
    {
      // The first range is the entry's place.
      add(section, begin, _end, entry) {
        if (!functions.has(entry)) functions.set(entry, { section, begin });
      },
    },
    true,
  );
  for (const [entry, { section, begin }] of functions) {
    const { name, linkageName } = lookup.names.of(code, entry);
    if (name === wanted || linkageName === wanted)
      yield found(entry, section, begin, name, linkageName, false);
    if (!inlined) continue;
    const copies = new Map<number, { section: number; begin: number }>();
    scanner.inlined(entry, {
      addInlined(its, from, _end, copy) {
        if (!copies.has(copy)) copies.set(copy, { section: its, begin: from });
      },
    });
    for (const [copy, place] of copies) {
      const called = lookup.names.of(code, copy);
      if (called.name !== wanted && called.linkageName !== wanted) continue;
      yield found(copy, place.section, place.begin, called.name, called.linkageName, true);
    }
  }

  function found(
    entry: number,
    section: number,
    begin: number,
    name: string | undefined,
    linkageName: string | undefined,
    isInlined: boolean,
  ): FoundFunction {
    const [range] = entryRanges(unit, { offset: entry });
    return {
      section: section < 0 ? undefined : section,
      offset: addressOf(begin),
      address: range?.begin,
      name,
      linkageName,
      inlined: isInlined,
      unit,
      entry,
    };
  }
}
