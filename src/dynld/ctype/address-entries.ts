/** Finds the entries of functions and variables by where they are, in files that were linked. */
import { DW_AT } from "../../dwarf/constants/attribute.ts";
import { DW_FORM } from "../../dwarf/constants/form.ts";
import { DW_OP } from "../../dwarf/constants/operation.ts";
import { DW_TAG } from "../../dwarf/constants/tag.ts";
import { Attribute, entryAt } from "../../dwarf/die.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import { entryRanges } from "../../dwarf/read/list/range.ts";
import type { CTypeEntry } from "../ctype.ts";
import { sourceUnits } from "./symbol-entries.ts";

/** Entries by address. Walks what is outside of functions at the first question. */
export class AddressEntries {
  readonly #dwarf: Dwarf;
  #found: Record<"function" | "variable", Map<bigint, CTypeEntry>> | undefined;

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  /** The function or variable that begins at an address. @throws DwarfError */
  find(kind: "function" | "variable", address: bigint): CTypeEntry | undefined {
    if (this.#found === undefined) {
      this.#found = { function: new Map(), variable: new Map() };
      for (const unit of sourceUnits(this.#dwarf)) walk(unit, this.#found);
    }
    return this.#found[kind].get(address);
  }
}

function walk(unit: DwarfUnit, found: Record<"function" | "variable", Map<bigint, CTypeEntry>>): void {
  const at = unit.entries();
  for (let more = at.next(); more; ) {
    const { tag, offset } = at;
    const kind =
      tag === DW_TAG.DW_TAG_subprogram ? "function" : tag === DW_TAG.DW_TAG_variable ? "variable" : undefined;
    if (kind === undefined) {
      const isAround = at.depth === 0 || tag === DW_TAG.DW_TAG_namespace || tag === DW_TAG.DW_TAG_module;
      more = isAround ? at.next() : at.nextSibling();
      continue;
    }
    const address = kind === "function" ? startOf(unit, at) : placeOf(unit, at);
    if (address !== undefined && address !== 0n && !found[kind].has(address))
      found[kind].set(address, { unit, offset });
    more = at.nextSibling();
  }
}

/** Where a function begins: of one in several parts, the first. */
function startOf(unit: DwarfUnit, at: EntryCursor): bigint | undefined {
  let hasRanges = false;
  while (at.nextAttribute()) {
    if (at.attribute === DW_AT.DW_AT_low_pc) return new Attribute(unit, at).address?.resolve();
    hasRanges ||= at.attribute === DW_AT.DW_AT_ranges;
  }
  if (!hasRanges) return undefined;
  for (const { begin } of entryRanges(unit, entryAt(unit, at.offset))) return begin.resolve();
  return undefined;
}

/** Where a variable is, if that is an address and nothing else. */
function placeOf(unit: DwarfUnit, at: EntryCursor): bigint | undefined {
  while (at.nextAttribute()) {
    if (at.attribute !== DW_AT.DW_AT_location) continue;
    const { addressSize } = unit.header;
    const isPlain = at.form === DW_FORM.DW_FORM_exprloc && at.high === addressSize + 1;
    if (!isPlain || at.reader.bytes[at.low] !== DW_OP.DW_OP_addr) return undefined;
    at.reader.finalAddress(at.low + 1, addressSize);
    return (BigInt(at.reader.high >>> 0) << 32n) | BigInt(at.reader.low >>> 0);
  }
  return undefined;
}
