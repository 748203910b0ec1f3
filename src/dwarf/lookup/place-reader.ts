/**
 * Places of addresses without a resolver: a section and an offset in it, or an address where the file is linked. Numbers
 * only, for readers of thousands: an address of 64 bits is taken as signed, so that those of a kernel are exact too.
 */
import { SHN } from "../../elf/constants/section.ts";
import type { SymbolTable } from "../../elf/symbol.ts";
import type { FieldReader } from "../relocation/field.ts";
import type { Relocatable } from "../relocation/relocatable.ts";
import { RELA64_WORDS } from "../relocation/table.ts";

/** Section number of what has a final address. */
export const ABSOLUTE = -1;
/** Section number of what lies in no section of the file. */
export const NOWHERE = -2;
const UNASKED = -3;
const TWO_32 = 0x1_0000_0000;

/** An address of 64 bits as a signed number; exact where 53 bits suffice, which holds for all that machines use. */
export function signedAddress(address: bigint): number {
  return Number(BigInt.asIntN(64, address));
}

/** The address that a signed number stands for. */
export function addressOf(signed: number): bigint {
  return BigInt.asUintN(64, BigInt(signed));
}

/** Reads the addresses of one debug section as places. */
export class PlaceReader {
  /** Of the address read last: its section, {@link ABSOLUTE} or {@link NOWHERE}. */
  section = ABSOLUTE;
  /** From the start of the section; or the address, signed. */
  offset = 0;
  readonly reader: FieldReader;
  /** A relocation type known to be a plain `S + A`, of fields of the size beside it. */
  #plainType = -1;
  #plainSize = 0;
  #table: SymbolTable | undefined;
  #sections = new Int32Array(0);
  #values = new Float64Array(0);

  constructor(reader: FieldReader) {
    this.reader = reader;
  }

  /**
   * Reads an address of 2, 4 or 8 bytes.
   * @throws DwarfError DWARF_BAD_RELOCATION
   */
  read(at: number, size: number): void {
    const { reader } = this;
    const { relocations } = reader.section;
    const position = relocations === undefined ? -1 : relocations.find(at);
    if (relocations === undefined || position < 0) {
      this.section = ABSOLUTE;
      this.#raw(at, size);
      return;
    }
    const { words } = relocations;
    if (words === undefined) {
      this.take(reader.address(at, size));
      return;
    }
    const word = position * RELA64_WORDS;
    const isPlain =
      words[word + 2] === this.#plainType && size === this.#plainSize && words[word + RELA64_WORDS] !== at;
    if (isPlain) this.#plain(words, word);
    else this.#learn(words, word, at, size);
  }

  /** Takes the place of an address that was found otherwise. @throws DwarfError DWARF_BAD_RELOCATION */
  take(address: Relocatable): void {
    const { section, symbol, offset } = address.place();
    this.section = symbol !== 0 ? NOWHERE : (section ?? ABSOLUTE);
    this.offset = signedAddress(offset);
  }

  #raw(at: number, size: number): void {
    const { reader } = this;
    if (size !== 8) {
      this.offset = reader.raw(at, size);
      return;
    }
    const low = reader.raw(reader.little ? at : at + 4, 4);
    const high = reader.raw(reader.little ? at + 4 : at, 4);
    this.offset = (high | 0) * TWO_32 + low;
  }

  #plain(words: Uint32Array, word: number): void {
    const symbol = words[word + 3] ?? 0;
    if ((this.#sections[symbol] ?? UNASKED) === UNASKED) this.#ask(symbol);
    this.section = this.#sections[symbol] ?? NOWHERE;
    const addend = ((words[word + 5] ?? 0) | 0) * TWO_32 + (words[word + 4] ?? 0);
    this.offset = (this.#values[symbol] ?? 0) + addend;
  }

  /** The careful way; and whether the short one gives the same, so that it will do for the type from now on. */
  #learn(words: Uint32Array, word: number, at: number, size: number): void {
    this.take(this.reader.address(at, size));
    const { section, offset } = this;
    if (size < 4 || words[word + RELA64_WORDS] === at) return;
    this.#plain(words, word);
    if (this.section === section && this.offset === offset) {
      this.#plainType = words[word + 2] ?? 0;
      this.#plainSize = size;
    }
    this.section = section;
    this.offset = offset;
  }

  #ask(symbol: number): void {
    this.#table ??= this.reader.section.symbols();
    const table = this.#table;
    if (this.#sections.length === 0) {
      this.#sections = new Int32Array(table.length).fill(UNASKED);
      this.#values = new Float64Array(table.length);
    }
    if (symbol >= table.length) return;
    const section = table.sectionIndex(symbol);
    const special = table.isSpecial(symbol);
    const isAbsolute = symbol === 0 || (special && section === SHN.SHN_ABS);
    const isNowhere = special || section === SHN.SHN_UNDEF;
    this.#sections[symbol] = isAbsolute ? ABSOLUTE : isNowhere ? NOWHERE : section;
    this.#values[symbol] = isNowhere && !isAbsolute ? 0 : signedAddress(table.value(symbol));
  }
}
