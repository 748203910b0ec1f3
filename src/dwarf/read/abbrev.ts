/** Abbreviation tables, `.debug_abbrev` [DWARF5 7.5.3], as columns. */
import { DW_FORM } from "../constants/form.ts";
import { dwarfError, type Located } from "../place.ts";
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

/** One abbreviation table. Declarations are numbered in their order; columns are by that number. */
export class AbbrevTable {
  /** `DW_TAG_` of each declaration. */
  readonly tags: Uint16Array;
  /** 1 where entries own the entries that follow. */
  readonly children: Uint8Array;
  /** Where the attributes of each declaration begin in {@link attributes} and {@link forms}; one more at the end. */
  readonly first: Int32Array;
  /** `DW_AT_`, all declarations one after the other. */
  readonly attributes: Uint16Array;
  /** `DW_FORM_`, beside {@link attributes}. */
  readonly forms: Uint16Array;
  /** How the value of each is decoded, beside {@link attributes}: see decoding.ts. */
  readonly decodings: Uint8Array;
  /** Values of `DW_FORM_implicit_const` in two halves, low first, beside {@link attributes}; empty where none has the form. */
  readonly constants: Uint32Array;
  /** Attributes of the declaration that has most. */
  readonly longest: number;
  /** Declaration by code; `undefined` where codes count up from 1, as compilers write them. */
  readonly byCode: ReadonlyMap<number, number> | undefined;
  readonly #sizes = new Map<number, Int32Array>();

  private constructor(draft: AbbrevReader["draft"]) {
    const { declarationCount, attributeCount } = draft;
    this.tags = draft.tags.slice(0, declarationCount);
    this.children = draft.children.slice(0, declarationCount);
    this.first = draft.first.slice(0, declarationCount + 1);
    this.attributes = draft.attributes.slice(0, attributeCount);
    this.forms = draft.forms.slice(0, attributeCount);
    this.decodings = draft.decodings.slice(0, attributeCount);
    this.constants = draft.constants.slice(0, draft.hasConstants ? 2 * attributeCount : 0);
    let longest = 0;
    for (let i = 0; i < declarationCount; i++) {
      longest = Math.max(longest, (this.first[i + 1] ?? 0) - (this.first[i] ?? 0));
    }
    this.longest = longest;
    this.byCode = numbering(draft.codes.subarray(0, declarationCount));
  }

  /**
   * Reads the table at `offset`.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  static read(bytes: Uint8Array, offset: number, at: Located): AbbrevTable {
    if (offset >= bytes.length) {
      const what = `abbreviation table: section has ${bytes.length} bytes`;
      throw dwarfError(at, "DWARF_BAD_REFERENCE", offset, what);
    }
    const reader = new AbbrevReader(bytes, offset, at);
    while (reader.declaration());
    return new AbbrevTable(reader.draft);
  }

  /** Number of declarations. */
  get length(): number {
    return this.tags.length;
  }

  /** The declaration with that code; -1 when there is none. */
  indexOf(code: number): number {
    if (this.byCode === undefined) return code <= this.tags.length ? code - 1 : -1;
    return this.byCode.get(code) ?? -1;
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
    let size = 0;
    for (let i = this.first[index] ?? 0; i < (this.first[index + 1] ?? 0); i++) {
      const fixed = formSize(this.forms[i] ?? 0, encoding);
      if (fixed < 0) return VARIABLE;
      size += fixed;
    }
    return size;
  }
}

/** Declaration by code, where codes do not count up from 1. The first declaration of a code counts. */
function numbering(codes: Float64Array): Map<number, number> | undefined {
  let index = 0;
  while (index < codes.length && codes[index] === index + 1) index++;
  if (index === codes.length) return undefined;
  const byCode = new Map<number, number>();
  codes.forEach((code, index) => {
    if (!byCode.has(code)) byCode.set(code, index);
  });
  return byCode;
}

/** Bytes of a form in a unit; -1 when they depend on the value. */
export function formSize(form: number, { version, addressSize, offsetSize }: Encoding): number {
  const size = FIXED_SIZES.get(form) ?? VARIABLE;
  if (size === ADDRESS_SIZED) return addressSize;
  if (size === OFFSET_SIZED) return offsetSize;
  if (size === REFERENCE_SIZED) return version === 2 ? addressSize : offsetSize;
  return size;
}
