/** Abbreviation tables, `.debug_abbrev` [DWARF5 7.5.3], as columns. */
import { leb128Length, readSleb128, readUleb128Number } from "../../bytes/leb128.ts";
import { DW_FORM } from "../constants/form.ts";
import { dwarfError, type Located } from "../place.ts";

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

/**
 * How a value is decoded: forms that are read the same way share a number. The cursor switches on these, small and dense
 * as they are; 0 is what compilers seldom use, and looked at by form.
 */
const DECODINGS: readonly (readonly [decoding: number, ...forms: number[]])[] = [
  [1, DW_FORM.DW_FORM_data1, DW_FORM.DW_FORM_flag, DW_FORM.DW_FORM_strx1, DW_FORM.DW_FORM_addrx1],
  [2, DW_FORM.DW_FORM_data2, DW_FORM.DW_FORM_strx2, DW_FORM.DW_FORM_addrx2],
  [3, DW_FORM.DW_FORM_data4],
  [4, DW_FORM.DW_FORM_strx4, DW_FORM.DW_FORM_addrx4, DW_FORM.DW_FORM_ref_sup4],
  [5, DW_FORM.DW_FORM_ref4],
  [
    6,
    DW_FORM.DW_FORM_strp,
    DW_FORM.DW_FORM_line_strp,
    DW_FORM.DW_FORM_sec_offset,
    DW_FORM.DW_FORM_strp_sup,
    DW_FORM.DW_FORM_GNU_ref_alt,
    DW_FORM.DW_FORM_GNU_strp_alt,
  ],
  [7, DW_FORM.DW_FORM_flag_present],
  [
    8,
    DW_FORM.DW_FORM_udata,
    DW_FORM.DW_FORM_strx,
    DW_FORM.DW_FORM_addrx,
    DW_FORM.DW_FORM_loclistx,
    DW_FORM.DW_FORM_rnglistx,
    DW_FORM.DW_FORM_GNU_addr_index,
    DW_FORM.DW_FORM_GNU_str_index,
  ],
  [9, DW_FORM.DW_FORM_sdata],
  [10, DW_FORM.DW_FORM_exprloc, DW_FORM.DW_FORM_block],
  [11, DW_FORM.DW_FORM_block1],
  [12, DW_FORM.DW_FORM_addr],
  [13, DW_FORM.DW_FORM_string],
  [14, DW_FORM.DW_FORM_implicit_const],
];
const decodings = new Map(
  DECODINGS.flatMap(([decoding, ...forms]) => forms.map((form) => [form, decoding] as const)),
);

/** How values of a form are decoded; see {@link AbbrevTable.decodings}. */
export function decodingOf(form: number): number {
  return decodings.get(form) ?? 0;
}

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
  /** How the value of each is decoded, beside {@link attributes}. */
  readonly decodings: Uint8Array;
  /** Values of `DW_FORM_implicit_const` in halves, beside {@link attributes}; 0 elsewhere. */
  readonly constantLow: Uint32Array;
  readonly constantHigh: Uint32Array;
  /** Declaration of each code, plus one: where codes are small, which compilers make them. */
  readonly #byCode: Uint16Array | Uint32Array;
  readonly #farCodes: ReadonlyMap<number, number>;
  readonly #sizes = new Map<number, Int32Array>();

  private constructor(parts: AbbrevParts) {
    this.tags = new Uint16Array(parts.tags);
    this.children = new Uint8Array(parts.children);
    this.first = new Int32Array(parts.first);
    this.attributes = new Uint16Array(parts.attributes);
    this.forms = new Uint16Array(parts.forms);
    this.decodings = new Uint8Array(parts.forms.map(decodingOf));
    this.constantLow = new Uint32Array(parts.forms.length);
    this.constantHigh = new Uint32Array(parts.forms.length);
    for (const [index, value] of parts.constants) {
      this.constantLow[index] = Number(BigInt.asUintN(32, value));
      this.constantHigh[index] = Number(BigInt.asUintN(32, value >> 32n));
    }
    const near = parts.codes.filter((code) => code <= 4 * parts.codes.length + 64);
    const length = near.reduce((max, code) => Math.max(max, code), 0) + 1;
    this.#byCode = parts.codes.length < 0xffff ? new Uint16Array(length) : new Uint32Array(length);
    const far = new Map<number, number>();
    // The first declaration of a code counts, as it does for readers that search.
    parts.codes.forEach((code, index) => {
      if (code >= length) far.set(code, far.get(code) ?? index);
      else if (this.#byCode[code] === 0) this.#byCode[code] = index + 1;
    });
    this.#farCodes = far;
  }

  /**
   * Reads the table at `offset`.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  static read(bytes: Uint8Array, offset: number, at: Located): AbbrevTable {
    const parts: AbbrevParts = {
      codes: [],
      tags: [],
      children: [],
      first: [0],
      attributes: [],
      forms: [],
      constants: new Map(),
    };
    let position = offset;
    const uleb = (): number => {
      const length = leb128Length(bytes, position);
      if (length === 0)
        throw dwarfError(at, "DWARF_TRUNCATED", position, "abbreviation: found the end, expected a LEB128");
      const value = readUleb128Number(bytes, position);
      position += length;
      return value;
    };
    if (offset >= bytes.length) {
      throw dwarfError(
        at,
        "DWARF_BAD_REFERENCE",
        offset,
        `abbreviation table: section has ${bytes.length} bytes`,
      );
    }
    for (;;) {
      const start = position;
      const code = uleb();
      if (code === 0) break;
      const tag = uleb();
      const children = bytes[position++];
      if (children === undefined || children > 1) {
        throw dwarfError(
          at,
          "DWARF_BAD_VALUE",
          position - 1,
          `abbreviation ${code}: children flag: found ${children ?? "the end"}, expected 0 or 1`,
        );
      }
      if (tag > 0xffff)
        throw dwarfError(
          at,
          "DWARF_BAD_VALUE",
          start,
          `abbreviation ${code}: tag 0x${tag.toString(16)}, expected 16 bits`,
        );
      for (;;) {
        const here = position;
        const attribute = uleb();
        const form = uleb();
        if (form === DW_FORM.DW_FORM_implicit_const) {
          if (leb128Length(bytes, position) === 0) uleb();
          parts.constants.set(parts.attributes.length, readSleb128(bytes, position));
          position += leb128Length(bytes, position);
        }
        if (attribute === 0 && form === 0) break;
        if (attribute > 0xffff || form > 0xffff) {
          throw dwarfError(
            at,
            "DWARF_BAD_VALUE",
            here,
            `abbreviation ${code}: attribute 0x${attribute.toString(16)} of form 0x${form.toString(16)}, expected 16 bits each`,
          );
        }
        parts.attributes.push(attribute);
        parts.forms.push(form);
      }
      parts.codes.push(code);
      parts.tags.push(tag);
      parts.children.push(children);
      parts.first.push(parts.attributes.length);
    }
    return new AbbrevTable(parts);
  }

  /** Number of declarations. */
  get length(): number {
    return this.tags.length;
  }

  /** Attributes of the declaration that has most. */
  get longest(): number {
    let longest = 0;
    for (let i = 0; i < this.length; i++) {
      longest = Math.max(longest, (this.first[i + 1] ?? 0) - (this.first[i] ?? 0));
    }
    return longest;
  }

  /** The declaration with that code; -1 when there is none. */
  indexOf(code: number): number {
    if (code < this.#byCode.length) return (this.#byCode[code] ?? 0) - 1;
    return this.#farCodes.get(code) ?? -1;
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

interface AbbrevParts {
  readonly codes: number[];
  readonly tags: number[];
  readonly children: number[];
  readonly first: number[];
  readonly attributes: number[];
  readonly forms: number[];
  readonly constants: Map<number, bigint>;
}

/** Bytes of a form in a unit; -1 when they depend on the value. */
export function formSize(form: number, { version, addressSize, offsetSize }: Encoding): number {
  const size = FIXED_SIZES.get(form) ?? VARIABLE;
  if (size === ADDRESS_SIZED) return addressSize;
  if (size === OFFSET_SIZED) return offsetSize;
  if (size === REFERENCE_SIZED) return version === 2 ? addressSize : offsetSize;
  return size;
}
