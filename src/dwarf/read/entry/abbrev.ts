/** Abbreviation tables, `.debug_abbrev` [DWARF5 7.5.3], as columns. */
import { DW_FORM } from "../../constants/form.ts";
import { dwarfError, type Located } from "../../place.ts";
import type { AbbrevColumns } from "./abbrev-columns.ts";
import { AbbrevReader } from "./abbrev-reader.ts";

/** Bytes of a form whose size depends on the unit. */
const ADDRESS_SIZED = -2;
const OFFSET_SIZED = -3;
/** Bytes of a form that are known only when it is read. */
const VARIABLE = -1;

/** `DW_FORM_ref_addr` has the size of an address in DWARF 2, of an offset later [DWARF5 7.5.5.5]. */
const REFERENCE_SIZED = -4;

const FIXED_SIZES = new Map<number, number>([
  [DW_FORM.DW_FORM_addr, ADDRESS_SIZED],
  [DW_FORM.DW_FORM_flag_present, 0],
  [DW_FORM.DW_FORM_implicit_const, 0],
  [DW_FORM.DW_FORM_data1, 1],
  [DW_FORM.DW_FORM_flag, 1],
  [DW_FORM.DW_FORM_ref1, 1],
  [DW_FORM.DW_FORM_strx1, 1],
  [DW_FORM.DW_FORM_addrx1, 1],
  [DW_FORM.DW_FORM_data2, 2],
  [DW_FORM.DW_FORM_ref2, 2],
  [DW_FORM.DW_FORM_strx2, 2],
  [DW_FORM.DW_FORM_addrx2, 2],
  [DW_FORM.DW_FORM_strx3, 3],
  [DW_FORM.DW_FORM_addrx3, 3],
  [DW_FORM.DW_FORM_data4, 4],
  [DW_FORM.DW_FORM_ref4, 4],
  [DW_FORM.DW_FORM_ref_sup4, 4],
  [DW_FORM.DW_FORM_strx4, 4],
  [DW_FORM.DW_FORM_addrx4, 4],
  [DW_FORM.DW_FORM_data8, 8],
  [DW_FORM.DW_FORM_ref8, 8],
  [DW_FORM.DW_FORM_ref_sig8, 8],
  [DW_FORM.DW_FORM_ref_sup8, 8],
  [DW_FORM.DW_FORM_data16, 16],
  [DW_FORM.DW_FORM_strp, OFFSET_SIZED],
  [DW_FORM.DW_FORM_line_strp, OFFSET_SIZED],
  [DW_FORM.DW_FORM_sec_offset, OFFSET_SIZED],
  [DW_FORM.DW_FORM_strp_sup, OFFSET_SIZED],
  [DW_FORM.DW_FORM_GNU_ref_alt, OFFSET_SIZED],
  [DW_FORM.DW_FORM_GNU_strp_alt, OFFSET_SIZED],
  [DW_FORM.DW_FORM_ref_addr, REFERENCE_SIZED],
]);

/** What sizes in a unit depend on. */
export interface Encoding {
  readonly version: number;
  /** Bytes of an address. */
  readonly addressSize: number;
  /** Bytes of an offset: 4, or 8 in the 64-bit format. */
  readonly offsetSize: number;
}

/**
 * One abbreviation table. Declarations are numbered in their order; columns are by that number. It is read as far as
 * declarations are asked for by code, and whole at the first look at a column.
 */
export class AbbrevTable {
  readonly #reader: AbbrevReader;
  #complete: AbbrevColumns | undefined;
  readonly #sizes = new Map<number, Int32Array>();

  private constructor(reader: AbbrevReader) {
    this.#reader = reader;
  }

  /**
   * The table at `offset`. Errors in it come when they are come to.
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  static read(bytes: Uint8Array, offset: number, at: Located): AbbrevTable {
    if (offset >= bytes.length) {
      const what = `abbreviation table: section has ${bytes.length} bytes`;
      throw dwarfError(at, "DWARF_BAD_REFERENCE", offset, what);
    }
    return new AbbrevTable(new AbbrevReader(bytes, offset, at));
  }

  /** The declarations that were read so far; what {@link indexOf} found is among them. */
  get columns(): AbbrevColumns {
    return this.#reader.columns;
  }

  /** All declarations. @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE */
  get all(): AbbrevColumns {
    this.#complete ??= this.#reader.finish();
    return this.#complete;
  }

  /** Number of declarations. */
  get length(): number {
    return this.all.tags.length;
  }

  /** `DW_TAG_` of each declaration. */
  get tags(): Uint16Array {
    return this.all.tags;
  }

  /** 1 where entries own the entries that follow. */
  get children(): Uint8Array {
    return this.all.children;
  }

  /** Where the attributes of each declaration begin in {@link attributes} and {@link forms}; one more at the end. */
  get first(): Uint32Array {
    return this.all.first;
  }

  /** `DW_AT_`, all declarations one after the other. */
  get attributes(): Uint16Array {
    return this.all.attributes;
  }

  /** `DW_FORM_`, beside {@link attributes}. */
  get forms(): Uint16Array {
    return this.all.forms;
  }

  /** Declaration by code; `undefined` where codes count up from 1, as compilers write them. */
  get byCode(): ReadonlyMap<number, number> | undefined {
    return this.#reader.byCode;
  }

  /**
   * The declaration with that code; -1 when there is none.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE in a declaration before it
   */
  indexOf(code: number): number {
    return this.#reader.find(code);
  }

  /**
   * Bytes of an entry's attributes by declaration, where they are always the same; -1 where they must be walked.
   */
  sizes(encoding: Encoding): Int32Array {
    const key = encoding.addressSize * 32 + encoding.offsetSize * 2 + (encoding.version === 2 ? 1 : 0);
    let sizes = this.#sizes.get(key);
    if (sizes === undefined) {
      sizes = new Int32Array(this.length);
      for (let index = 0; index < this.length; index++) sizes[index] = this.#sizeOf(index, encoding);
      this.#sizes.set(key, sizes);
    }
    return sizes;
  }

  #sizeOf(index: number, encoding: Encoding): number {
    const { first, forms } = this.all;
    let size = 0;
    for (let i = first[index] ?? 0; i < (first[index + 1] ?? 0); i++) {
      const fixed = formSize(forms[i] ?? 0, encoding);
      if (fixed < 0) return VARIABLE;
      size += fixed;
    }
    return size;
  }
}

/** Bytes of a form in a unit; -1 when they depend on the value. */
export function formSize(form: number, { version, addressSize, offsetSize }: Encoding): number {
  const size = FIXED_SIZES.get(form) ?? VARIABLE;
  if (size === ADDRESS_SIZED) return addressSize;
  if (size === OFFSET_SIZED) return offsetSize;
  if (size === REFERENCE_SIZED) return version === 2 ? addressSize : offsetSize;
  return size;
}
