/**
 * Values that wait for relocation. [seed: `Dwarf_Relocatable`]
 *
 * A {@link Relocatable} points at a datum and has not looked at any relocation record. What it counts from is found when
 * asked; in a linked file there is just an addend.
 */
import { SHN } from "../elf/constants/section.ts";
import type { ElfFile } from "../elf/file.ts";
import type { ElfSymbol } from "../elf/symbol.ts";
import { RelocationRequiredError } from "../errors.ts";
import type { DebugSection } from "./section.ts";

/** What a relocatable value counts from: an entry of the symbol table, in handy form. */
export interface RelocationTarget {
  readonly symbol: ElfSymbol;
  /** Name of the section that holds it; `undefined` for undefined, absolute and common symbols. */
  readonly sectionName: string | undefined;
}

/** A relocatable value taken apart. Without a target it is absolute, and the addend is all. */
export interface RelocationInfo {
  readonly target: RelocationTarget | undefined;
  /** Two's complement, 64 bits. */
  readonly addend: bigint;
}

/** Where a relocatable value lies, in a form that can be compared: two are in one order when all but `offset` agree. */
export interface RelocatablePlace {
  /** Section that holds it; `undefined` of absolute values, and where only `symbol` says. */
  readonly section: number | undefined;
  /** Index of the undefined or common symbol that it counts from; 0 elsewhere. */
  readonly symbol: number;
  /** From the start of the section, from the symbol, or the absolute value. */
  readonly offset: bigint;
}

/** Who knows where sections and undefined symbols are. `undefined` from either: not known. */
export interface Resolver {
  /** Final address of a section of the file. Asked at the first need of that section. */
  sectionAddress(elf: ElfFile, index: number): bigint | undefined;
  /** Final address of a symbol that the file does not define. */
  symbolAddress(elf: ElfFile, symbol: ElfSymbol): bigint | undefined;
}

/** Where a relocatable datum lies, and who looks its relocation up. */
export interface RelocatableSource {
  readonly section: DebugSection;
  /** What the field of `size` bytes at `offset` counts from. */
  infoAt(offset: number, size: number): RelocationInfo;
}

export class Relocatable {
  readonly #reader: RelocatableSource;
  readonly #offset: number;
  readonly #size: number;
  readonly #more: bigint;

  /**
   * @param reader the section of the datum
   * @param offset where the datum is in it
   * @param size its bytes
   * @param more a constant that is added: the distance from the datum to the value
   */
  constructor(reader: RelocatableSource, offset: number, size: number, more = 0n) {
    this.#reader = reader;
    this.#offset = offset;
    this.#size = size;
    this.#more = more;
  }

  /** This value plus a constant. */
  plus(distance: bigint | number): Relocatable {
    return new Relocatable(this.#reader, this.#offset, this.#size, this.#more + BigInt(distance));
  }

  /** Looks the relocation up. @throws DwarfError DWARF_BAD_RELOCATION */
  info(): RelocationInfo {
    const { target, addend } = this.#reader.infoAt(this.#offset, this.#size);
    const mask = this.#size >= 8 ? 64 : 8 * this.#size;
    return {
      target,
      addend: target === undefined ? BigInt.asUintN(mask, addend + this.#more) : addend + this.#more,
    };
  }

  /** Section and offset in it; or symbol and offset where there is no section. @throws DwarfError DWARF_BAD_RELOCATION */
  place(): RelocatablePlace {
    const { target, addend } = this.info();
    if (target === undefined) return { section: undefined, symbol: 0, offset: addend };
    const { index, sectionIndex, special, value } = target.symbol;
    if (special && sectionIndex === SHN.SHN_ABS) {
      return { section: undefined, symbol: 0, offset: value + addend };
    }
    if (special || sectionIndex === SHN.SHN_UNDEF)
      return { section: undefined, symbol: index, offset: addend };
    return { section: sectionIndex, symbol: 0, offset: value + addend };
  }

  /**
   * Offset of one value from another: negative when this one comes first.
   * @returns `undefined` when they count from different sections, so that no order is known
   */
  minus(other: Relocatable): bigint | undefined {
    const mine = this.place();
    const theirs = other.place();
    return mine.section === theirs.section && mine.symbol === theirs.symbol
      ? mine.offset - theirs.offset
      : undefined;
  }

  /** The final value. @throws RelocationRequiredError when the resolver does not know a place */
  resolve(resolver: Resolver): bigint {
    const { target, addend } = this.info();
    if (target === undefined) return addend;
    const { elf } = this.#reader.section;
    const { symbol } = target;
    const base = symbol.special
      ? symbol.sectionIndex === SHN.SHN_ABS
        ? symbol.value
        : resolver.symbolAddress(elf, symbol)
      : symbol.sectionIndex === SHN.SHN_UNDEF
        ? resolver.symbolAddress(elf, symbol)
        : sectionBase(resolver, elf, symbol);
    if (base === undefined) {
      const { file, section } = this.#reader.section;
      const at = { section, offset: this.#offset };
      throw new RelocationRequiredError(file === undefined ? at : { ...at, file }, targetName(target));
    }
    return BigInt.asUintN(8 * this.#size, base + addend);
  }

  /** `.text+0x10`, `printk+0x0`, or the number where there is nothing it counts from. */
  toString(): string {
    const { target, addend } = this.info();
    if (target === undefined) return `0x${addend.toString(16)}`;
    const { symbol, sectionName } = target;
    const [name, offset] =
      sectionName !== undefined && !symbol.special
        ? [sectionName, symbol.value + addend]
        : [symbol.name, addend];
    return `${name}${offset < 0n ? "-" : "+"}0x${(offset < 0n ? -offset : offset).toString(16)}`;
  }
}

function sectionBase(resolver: Resolver, elf: ElfFile, symbol: ElfSymbol): bigint | undefined {
  const start = resolver.sectionAddress(elf, symbol.sectionIndex);
  return start === undefined ? undefined : start + symbol.value;
}

function targetName({ symbol, sectionName }: RelocationTarget): string {
  return symbol.name === "" ? (sectionName ?? "an unnamed symbol") : symbol.name;
}
