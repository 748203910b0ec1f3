/** Attribute values as text. */
import { DW_AT } from "../../../dwarf/constants/attribute.ts";
import { attributeValueName } from "../../../dwarf/constants/attribute-value.ts";
import { DW_FORM, isAddressIndex } from "../../../dwarf/constants/form.ts";
import { Attribute, type Die } from "../../../dwarf/die.ts";
import type { DwarfUnit } from "../../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../../dwarf/read/entry/cursor.ts";
import type { LineHeader } from "../../../dwarf/read/line/header.ts";
import { unitLineHeader } from "../../../dwarf/read/line/unit.ts";
import { unitBases } from "../../../dwarf/read/unit/addr-table.ts";
import type { Relocatable } from "../../../dwarf/relocation/relocatable.ts";
import { typeDeclaration } from "../../../dwarf/type/declaration.ts";
import { BinderyError } from "../../../errors.ts";
import type { DumpFile } from "../file.ts";
import { hex } from "../units.ts";
import { printed, singleExpression } from "./locs.ts";

/** References whose names can't be found before no more are looked for: the unit is damaged. */
const MOST_FAILURES = 16;
/** Names longer than this tell less than where they lead. */
const LONGEST_NAME = 200;

/** Prints the values of one unit, entry by entry in order. */
export class ValuePrinter {
  readonly #file: DumpFile;
  readonly #unit: DwarfUnit;
  /** What references lead to, and the types that they are, by the values of references. */
  readonly #names = new Map<number | string, string>();
  readonly #types = new Map<number | string, string>();
  /** Of relocatable files with several sections, relocations say in which one a reference leads. */
  readonly #hasSeveral: boolean;
  readonly #sources = new Map<number, string>();
  #failures = 0;
  #lines: LineHeader | undefined;
  #linesRead = false;
  /** `DW_AT_low_pc` of the current entry. */
  #low: Relocatable | undefined;

  constructor(file: DumpFile, unit: DwarfUnit) {
    this.#file = file;
    this.#unit = unit;
    this.#hasSeveral = unit.dwarf.sections.named("debug_info").length > 1;
  }

  /** Is told of each entry before its values. */
  entry(): void {
    this.#low = undefined;
  }

  /** The value of the cursor's current attribute: `"main"`, `.text+0x10`, `{0x2d} "int"`, `DW_ATE_signed`, `7`. */
  text(at: EntryCursor): string {
    // Most values are of these forms, which are nothing but what they seem.
    switch (at.form) {
      case DW_FORM.DW_FORM_data1:
      case DW_FORM.DW_FORM_data2:
      case DW_FORM.DW_FORM_udata:
      case DW_FORM.DW_FORM_sdata:
      case DW_FORM.DW_FORM_implicit_const:
        return this.#constant(at);
      case DW_FORM.DW_FORM_ref4:
        return this.#named(at, at.low);
      default:
        return this.#other(at);
    }
  }

  #other(at: EntryCursor): string {
    const unit = this.#unit;
    const string = unit.dwarf.string(unit, at);
    if (string !== undefined) return JSON.stringify(string);
    // Addresses by number are in the skeleton's file, if the unit is split.
    if (isAddressIndex(at.form) && unit.isSplit && unit.skeleton === undefined) return `address ${at.low}`;
    const address = unitBases(unit).address(at.form, at.valueOffset, at.low);
    if (address !== undefined) return this.#address(at, address);
    const expression = singleExpression(unit, at);
    if (expression !== undefined) return printed(this.#file, expression);
    switch (at.form) {
      case DW_FORM.DW_FORM_flag:
      case DW_FORM.DW_FORM_flag_present:
        return at.low === 0 ? "false" : "true";
      case DW_FORM.DW_FORM_ref1:
      case DW_FORM.DW_FORM_ref2:
      case DW_FORM.DW_FORM_ref8:
      case DW_FORM.DW_FORM_ref_udata:
        return this.#named(at, at.low);
      case DW_FORM.DW_FORM_ref_addr:
      case DW_FORM.DW_FORM_GNU_ref_alt:
      case DW_FORM.DW_FORM_ref_sup4:
      case DW_FORM.DW_FORM_ref_sup8:
      case DW_FORM.DW_FORM_ref_sig8:
        return this.#named(at, `${at.form} ${at.constant} ${this.#hasSeveral ? at.valueOffset : ""}`);
      case DW_FORM.DW_FORM_sec_offset:
      case DW_FORM.DW_FORM_GNU_strp_alt:
      case DW_FORM.DW_FORM_strp_sup:
        return hex(at.low);
      case DW_FORM.DW_FORM_loclistx:
      case DW_FORM.DW_FORM_rnglistx:
        return `index ${at.low}`;
      case DW_FORM.DW_FORM_block:
      case DW_FORM.DW_FORM_block1:
      case DW_FORM.DW_FORM_block2:
      case DW_FORM.DW_FORM_block4:
      case DW_FORM.DW_FORM_data16:
        return Array.from(at.block, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
      default:
        return this.#constant(at);
    }
  }

  #address(at: EntryCursor, address: Relocatable): string {
    const text = this.#file.address(address);
    if (at.attribute === DW_AT.DW_AT_low_pc) this.#low = address;
    const size = at.attribute === DW_AT.DW_AT_high_pc && this.#low ? address.minus(this.#low) : undefined;
    return size === undefined ? text : `${text} (${size} bytes)`;
  }

  #constant(at: EntryCursor): string {
    switch (at.attribute) {
      case DW_AT.DW_AT_high_pc:
        // From DWARF 4 on a constant is the distance from the low one.
        return this.#low === undefined
          ? numberText(at)
          : `${this.#file.address(this.#low.plus(at.constant))} (${at.constant} bytes)`;
      case DW_AT.DW_AT_decl_file:
      case DW_AT.DW_AT_call_file:
        return this.#source(at.low);
      case DW_AT.DW_AT_GNU_dwo_id:
        return wide(at.constant);
      default: {
        const isNameable = at.high === 0 && at.low <= 0xffff;
        return (isNameable ? attributeValueName(at.attribute, at.low) : undefined) ?? numberText(at);
      }
    }
  }

  /** `1 "/src/a.c"`; the number alone also when the line table is damaged, which is told where that is shown. */
  #source(file: number): string {
    let shown = this.#sources.get(file);
    if (shown === undefined) {
      const path = known(() => {
        if (!this.#linesRead) {
          this.#linesRead = true;
          this.#lines = unitLineHeader(this.#unit);
        }
        return this.#lines?.path(file);
      });
      shown = path === undefined ? String(file) : `${file} ${JSON.stringify(path)}`;
      this.#sources.set(file, shown);
    }
    return shown;
  }

  /**
   * A reference with what it leads to: the type as it would be declared, or the name of the entry.
   * @param key of what it leads to, the same for references to the same
   */
  #named(at: EntryCursor, key: number | string): string {
    if (at.attribute === DW_AT.DW_AT_sibling) return `{${hex(at.low)}}`;
    const isType = at.attribute === DW_AT.DW_AT_type;
    const texts = isType ? this.#types : this.#names;
    let shown = texts.get(key);
    if (shown === undefined) {
      const { form, low, constant } = at;
      const place = form === DW_FORM.DW_FORM_ref_sig8 ? `type ${wide(constant)}` : `{${hex(low)}}`;
      const isWhole = this.#failures < MOST_FAILURES;
      const name = isWhole ? this.#nameOf(new Attribute(this.#unit, at), isType) : undefined;
      shown = name === undefined ? place : `${place} ${JSON.stringify(name)}`;
      texts.set(key, shown);
    }
    return shown;
  }

  /** What is damaged there is told when it is come to. */
  #nameOf(attribute: Attribute, isType: boolean): string | undefined {
    const failed = this.#failures + 1;
    this.#failures = failed;
    const name = known(() => {
      const die: Die | undefined = attribute.reference;
      const text = isType && die !== undefined ? typeDeclaration(die) : die?.name;
      this.#failures = failed - 1;
      return text;
    });
    return name === undefined || name.length > LONGEST_NAME ? undefined : name;
  }
}

/** What `read` gives; `undefined` when the input does not allow it. */
function known<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}

/** A number with the sign of its form. What fits into 32 bits, as most do, needs no bigint. */
function numberText(at: EntryCursor): string {
  return at.high === 0 ? String(at.low) : String(at.constant);
}

function wide(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16).padStart(16, "0")}`;
}
