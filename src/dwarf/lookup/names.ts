/** Names of functions, along what their entries refer to [DWARF5 2.13.2, 3.3.8]. */
import { DW_AT } from "../constants/attribute.ts";
import { DW_FORM } from "../constants/form.ts";
import { entryAt } from "../die.ts";
import type { DwarfUnit } from "../dwarf.ts";
import { ENTRY, SLOT } from "./plan.ts";
import type { UnitScanner } from "./scanner.ts";

/** References followed before they are taken for a loop. */
const MOST_REFERENCES = 64;

/** What a function is called. */
export interface FunctionName {
  /** `DW_AT_name`: without namespaces, parameters and the like. */
  readonly name: string | undefined;
  /** `DW_AT_linkage_name`: what linkers call it, where that differs. */
  readonly linkageName: string | undefined;
}

/** Names of one unit's functions, as far as they were asked for, and who finds them. */
export interface NamedUnit {
  readonly unit: DwarfUnit;
  readonly scanner: UnitScanner;
  readonly names: Map<number, FunctionName>;
}

/** Names of functions, each found once. */
export class FunctionNames {
  readonly #scannerOf: (unit: DwarfUnit) => UnitScanner;

  constructor(scannerOf: (unit: DwarfUnit) => UnitScanner) {
    this.#scannerOf = scannerOf;
  }

  /** The name of the function, or inlined function, whose entry is at an offset. @throws DwarfError */
  of({ unit, scanner, names }: NamedUnit, entry: number): FunctionName {
    let found = names.get(entry);
    if (found === undefined) {
      // Copies of one inlined function have one origin, and no names of their own.
      scanner.decodeAt(entry);
      const isNamed = scanner.forms[SLOT.LINKAGE_NAME] !== 0 || scanner.forms[SLOT.NAME] !== 0;
      const origin = !isNamed && isNear(scanner, SLOT.ORIGIN) ? scanner.reference(SLOT.ORIGIN) : entry;
      found = names.get(origin) ?? this.#find(unit, origin);
      names.set(origin, found);
      names.set(entry, found);
    }
    return found;
  }

  #find(first: DwarfUnit, entry: number): FunctionName {
    let unit = first;
    let at = entry;
    let name: string | undefined;
    let linkageName: string | undefined;
    for (let steps = 0; steps < MOST_REFERENCES; steps++) {
      const scanner = this.#scannerOf(unit);
      if (scanner.decodeAt(at) === ENTRY.OTHER) break;
      name ??= scanner.text(SLOT.NAME);
      linkageName ??= scanner.text(SLOT.LINKAGE_NAME);
      if (name !== undefined && linkageName !== undefined) break;
      const slot = scanner.forms[SLOT.ORIGIN] !== 0 ? SLOT.ORIGIN : SLOT.SPECIFICATION;
      if (scanner.forms[slot] === 0) break;
      if (isNear(scanner, slot)) {
        at = scanner.reference(slot);
        continue;
      }
      const attribute = slot === SLOT.ORIGIN ? DW_AT.DW_AT_abstract_origin : DW_AT.DW_AT_specification;
      const target = entryAt(unit, at).attribute(attribute)?.reference;
      if (target === undefined) break;
      ({ unit } = target);
      at = target.offset;
    }
    return { name, linkageName };
  }
}

/** Whether a reference stays within its unit. */
function isNear(scanner: UnitScanner, slot: number): boolean {
  switch (scanner.forms[slot]) {
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref_udata:
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref8:
      return true;
    default:
      return false;
  }
}
