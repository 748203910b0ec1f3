/** Constants of enumerations among template arguments: LLVM calls them by name, GNU by type and number. */

import { DW_TAG } from "../../dwarf/constants/tag.ts";
import { type Die, entryAt } from "../../dwarf/die.ts";
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import { TypeBudget, typeName } from "../../dwarf/type/name.ts";
import type { CType } from "../ctype.ts";

/** A name that stands by itself, with its owners. */
const NAMES = /(?<![\w:])[A-Za-z_]\w*(?:::\w+)*(?![\w:<(])/g;

/** The enumerators of one unit. They are gone through when the first name with template arguments is. */
export class EnumeratorNames {
  readonly #unit: DwarfUnit;
  readonly #typeOf: (die: Die) => CType;
  #found: Map<string, string> | undefined;

  /** @param typeOf reads the enumeration that an entry is */
  constructor(unit: DwarfUnit, typeOf: (die: Die) => CType) {
    this.#unit = unit;
    this.#typeOf = typeOf;
  }

  /** A name with `(ns::Policy)2` for `ns::ATOMIC` in its arguments. @throws DwarfError */
  numbered(name: string): string {
    const start = name.indexOf("<");
    if (start < 0) return name;
    this.#found ??= this.#collect();
    const found = this.#found;
    return name.slice(0, start) + name.slice(start).replace(NAMES, (one) => found.get(one) ?? one);
  }

  #collect(): Map<string, string> {
    const found = new Map<string, string>();
    // What these are called must not need the others again.
    this.#found = found;
    const names = new Map<string, string>();
    for (const at = this.#unit.entries(); at.next(); ) {
      if (at.tag !== DW_TAG.DW_TAG_enumeration_type || !at.hasChildren) continue;
      const die = entryAt(this.#unit, at.offset);
      const type = die.name === undefined ? undefined : this.#typeOf(die);
      if (type?.kind !== "enum") continue;
      const tag = typeName(die, new TypeBudget());
      const scope = /^.*::/.exec(tag)?.[0] ?? "";
      for (const { name, value } of type.enumerators) {
        names.set(`${scope}${name}`, `(${tag})${value}`);
        names.set(`${tag}::${name}`, `(${tag})${value}`);
      }
    }
    for (const [name, number] of names) found.set(name, number);
    return found;
  }
}
