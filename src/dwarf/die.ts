/**
 * Debugging information entries as objects, made when they are asked for: for who follows a few of them. Who walks all
 * takes a cursor or batches.
 */

import type { DwarfErrorCode } from "../errors.ts";
import { attributeName, DW_AT } from "./constants/attribute.ts";
import { DW_FORM, formName } from "./constants/form.ts";
import { tagName } from "./constants/tag.ts";
import type { DwarfUnit } from "./dwarf.ts";
import { dwarfError } from "./place.ts";
import { EntryCursor } from "./read/entry/cursor.ts";
import { isAddressAttribute, unitBases } from "./read/unit/addr-table.ts";
import type { Relocatable } from "./relocation/relocatable.ts";
import { supplementaryLink } from "./supplementary-link.ts";

/** References followed from one entry to another before they are taken for a loop. */
const MOST_REFERENCES = 64;

/** An attribute of an entry with its value. */
export class Attribute {
  readonly unit: DwarfUnit;
  /** `DW_AT_` value. */
  readonly attribute: number;
  /** `DW_FORM_` value. */
  readonly form: number;
  /** Where the value is in the section. */
  readonly offset: number;
  readonly #low: number;
  readonly #high: number;
  readonly #constant: bigint;

  /** Takes the current attribute of a cursor. */
  constructor(unit: DwarfUnit, at: EntryCursor) {
    this.unit = unit;
    this.attribute = at.attribute;
    this.form = at.form;
    this.offset = at.valueOffset;
    this.#low = at.low;
    this.#high = at.high;
    this.#constant = at.constant;
  }

  /** `DW_AT_name` */
  get name(): string {
    return attributeName(this.attribute);
  }

  /** A string of any form; `undefined` when it is none. */
  get string(): string | undefined {
    return this.form === DW_FORM.DW_FORM_string
      ? new TextDecoder().decode(this.block)
      : this.unit.dwarf.stringOf(this.form, this.#low, this.unit);
  }

  /** A constant, flag or offset; signed where the form is. */
  get constant(): bigint {
    return this.#constant;
  }

  /** True of a flag that is set. */
  get flag(): boolean {
    return this.#low !== 0;
  }

  /** The bytes of a block, expression or string in place: a view of the section. */
  get block(): Uint8Array {
    return this.unit.reader.bytes.subarray(this.#low, this.#low + this.#high);
  }

  /**
   * An address, in place or by index, or of an attribute of class address the expression that it is; `undefined` of other
   * forms. Nothing is relocated yet.
   */
  get address(): Relocatable | undefined {
    const bases = unitBases(this.unit);
    return isAddressAttribute(this.attribute)
      ? bases.codeAddress(this.form, this.offset, this.#low)
      : bases.address(this.form, this.offset, this.#low);
  }

  /**
   * The entry that a reference leads to, which may be of another unit, or of the supplementary file; `undefined` when the
   * form is none.
   * @throws DwarfError DWARF_BAD_REFERENCE when there is no entry, DWARF_MISSING_FILE when it is in a supplementary file
   *   that is not attached
   */
  get reference(): Die | undefined {
    const { unit } = this;
    switch (this.form) {
      case DW_FORM.DW_FORM_ref1:
      case DW_FORM.DW_FORM_ref2:
      case DW_FORM.DW_FORM_ref4:
      case DW_FORM.DW_FORM_ref8:
      case DW_FORM.DW_FORM_ref_udata:
        return entryAt(unit, this.#low);
      case DW_FORM.DW_FORM_ref_addr:
        return this.#across();
      case DW_FORM.DW_FORM_ref_sig8: {
        const type = unit.dwarf.typeUnit(this.#constant);
        if (type === undefined)
          return this.#fail(`type signature 0x${this.#constant.toString(16)}: no such unit`);
        return entryAt(type, type.header.offset + type.header.typeOffset);
      }
      case DW_FORM.DW_FORM_GNU_ref_alt:
      case DW_FORM.DW_FORM_ref_sup4:
      case DW_FORM.DW_FORM_ref_sup8:
        return this.#supplement();
      default:
        return undefined;
    }
  }

  #supplement(): Die {
    const { dwarf } = this.unit;
    const { supplementary } = dwarf;
    if (supplementary === undefined) {
      const link = supplementaryLink(dwarf.sections.elf);
      const file = link === undefined ? "which no link names" : `${link.file} (${link.id})`;
      return this.#fail(`leads to the supplementary file, ${file}: it is not attached`, "DWARF_MISSING_FILE");
    }
    const section = supplementary.sections.first("debug_info");
    const unit = section && supplementary.index.at(section, this.#low);
    return unit === undefined
      ? this.#fail(`offset 0x${this.#low.toString(16)}: in no unit of the supplementary file`)
      : entryAt(unit, this.#low);
  }

  /** A reference to `.debug_info`; with several of that name, its relocation says which. */
  #across(): Die {
    const { dwarf, reader, header } = this.unit;
    const size = header.version === 2 ? header.addressSize : header.offsetSize;
    const { target } = reader.infoAt(this.offset, size);
    const all = dwarf.sections.named("debug_info");
    const section =
      all.find(({ elfSection }) => elfSection.index === target?.symbol.sectionIndex) ??
      all.find((one) => one.section.endsWith(".dwo") === this.unit.isSplit) ??
      all[0];
    const unit = section && dwarf.index.at(section, this.#low);
    return unit === undefined
      ? this.#fail(`offset 0x${this.#low.toString(16)}: in no unit`)
      : entryAt(unit, this.#low);
  }

  #fail(what: string, code: DwarfErrorCode = "DWARF_BAD_REFERENCE"): never {
    const where = `${this.name} [${formName(this.form)}]`;
    throw dwarfError(this.unit.reader.section, code, this.offset, `${where}: ${what}`);
  }
}

/** An entry of a unit. */
export class Die {
  readonly unit: DwarfUnit;
  /** In the section. */
  readonly offset: number;
  /** `DW_TAG_` value. */
  readonly tag: number;
  readonly hasChildren: boolean;
  #attributes: readonly Attribute[] | undefined;

  /** The entry that a cursor in the unit is at. */
  constructor(unit: DwarfUnit, at: EntryCursor) {
    this.unit = unit;
    this.offset = at.offset;
    this.tag = at.tag;
    this.hasChildren = at.hasChildren;
  }

  /** `DW_TAG_subprogram` */
  get tagName(): string {
    return tagName(this.tag);
  }

  /** All attributes, in the order of the entry. */
  get attributes(): readonly Attribute[] {
    if (this.#attributes === undefined) {
      const list: Attribute[] = [];
      const at = this.#cursor();
      while (at.nextAttribute()) list.push(new Attribute(this.unit, at));
      this.#attributes = list;
    }
    return this.#attributes;
  }

  /** The attribute of that `DW_AT_` value in the entry itself. */
  attribute(attribute: number): Attribute | undefined {
    return this.attributes.find((candidate) => candidate.attribute === attribute);
  }

  /**
   * The attribute in the entry, or in the one that it completes: along `DW_AT_abstract_origin`, `DW_AT_specification` and
   * `DW_AT_extension`; of a split unit's root, in the root of its skeleton. [DWARF5 2.13.2, 3.1.3, 3.2.2, 3.3.8.1]
   * @throws DwarfError DWARF_LOOP when they lead back
   */
  inherited(attribute: number): Attribute | undefined {
    let die: Die | undefined = this;
    for (let steps = 0; die !== undefined; steps++) {
      if (steps === MOST_REFERENCES) {
        throw dwarfError(
          this.unit.reader.section,
          "DWARF_LOOP",
          this.offset,
          "entry: its references lead back to it",
        );
      }
      const found = die.attribute(attribute);
      if (found !== undefined) return found;
      const next: Attribute | undefined =
        die.attribute(DW_AT.DW_AT_abstract_origin) ??
        die.attribute(DW_AT.DW_AT_specification) ??
        die.attribute(DW_AT.DW_AT_extension);
      die = next === undefined ? skeletonEntry(die) : next.reference;
    }
    return undefined;
  }

  /** `DW_AT_name`, its own or that of the entry it completes. */
  get name(): string | undefined {
    return this.inherited(DW_AT.DW_AT_name)?.string;
  }

  /** The entries that this one owns, in order. */
  *children(): IterableIterator<Die> {
    if (!this.hasChildren) return;
    const at = this.#cursor();
    const { depth } = at;
    for (let more = at.next(); more && at.depth > depth; more = at.nextSibling())
      yield new Die(this.unit, at);
  }

  /** The entry behind this one that has the same owner; `undefined` behind the last, and for the unit's root. */
  get sibling(): Die | undefined {
    if (this.offset === this.unit.header.entries) return undefined;
    const at = this.#cursor(1);
    return at.nextSibling() && at.depth === 1 ? new Die(this.unit, at) : undefined;
  }

  /** The entry that owns this one; `undefined` for the unit's root. Walks the unit at the first question. */
  get parent(): Die | undefined {
    const parent = this.unit.parents.of(this.offset);
    return parent < 0 ? undefined : entryAt(this.unit, parent);
  }

  /** @param depth what the cursor counts from: where chains of siblings end shows only above 0 */
  #cursor(depth = 0): EntryCursor {
    const { reader, header, abbrevs } = this.unit;
    const at = new EntryCursor(reader, header, abbrevs, this.offset, depth);
    at.next();
    return at;
  }
}

/** The unit's root entry. @throws DwarfError DWARF_BAD_REFERENCE when the unit has none */
export function rootEntry(unit: DwarfUnit): Die {
  return entryAt(unit, unit.header.entries);
}

/**
 * The entry of a unit that begins at an offset of the section.
 * @throws DwarfError DWARF_BAD_REFERENCE when it is outside the unit, or no entry is there
 */
export function entryAt(unit: DwarfUnit, offset: number): Die {
  const { header, reader, abbrevs } = unit;
  if (offset >= header.entries && offset < header.end) {
    const at = new EntryCursor(reader, header, abbrevs, offset);
    if (at.next() && at.offset === offset) return new Die(unit, at);
  }
  throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", offset, "no entry of the unit begins here");
}

/** What a split unit's root has not, that of its skeleton may have. */
function skeletonEntry({ unit, offset }: Die): Die | undefined {
  const skeleton = offset === unit.header.entries ? unit.skeleton : undefined;
  return skeleton && rootEntry(skeleton);
}
