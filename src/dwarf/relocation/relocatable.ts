/**
 * Values that wait for relocation. [seed: `Dwarf_Relocatable`]
 *
 * A {@link Relocatable} points at a datum and has not looked at any relocation record. What it counts from is found when
 * asked; in a linked file there is just an addend.
 */
import { SHN } from "../../elf/constants/section.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSymbol } from "../../elf/symbol.ts";
import { dwarfError, relocationRequired } from "../place.ts";
import type { DebugSection } from "../section.ts";
import { type Resolver, sectionStart, symbolValue } from "./resolver.ts";

export type { Resolver } from "./resolver.ts";

/** What a relocatable value counts from: an entry of the symbol table, in handy form. */
export interface RelocationTarget {
  readonly symbol: ElfSymbol;
  /** Name of the section that holds it; `undefined` for undefined, absolute and common symbols. */
  readonly sectionName: string | undefined;
  /** The value is an offset in a thread's block of variables, not an address. */
  readonly threadLocal?: true;
  /** The section whose relocation names the symbol, which may be of another file than the value (split DWARF). */
  readonly origin?: DebugSection;
}

/** A relocatable value taken apart. Without a target it is absolute, and the addend is all. */
export interface RelocationInfo {
  readonly target: RelocationTarget | undefined;
  /** Two's complement, 64 bits. */
  readonly addend: bigint;
  /**
   * What is subtracted, where the value is a distance: a symbol of another section, or the address of the place itself.
   * (A distance within one section is absolute.)
   */
  readonly minus?: RelocationTarget | "place";
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

/** Where a relocatable datum lies, and who looks its relocation up. */
export interface RelocatableSource {
  readonly section: DebugSection;
  /** What the field of `size` bytes at `offset` counts from. */
  infoAt(offset: number, size: number): RelocationInfo;
}

/** A value that waits for relocation: where its datum is, and a constant that is added. Owns nothing. */
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
    const info = this.#reader.infoAt(this.#offset, this.#size);
    const addend = info.addend + this.#more;
    const absolute = info.target === undefined && info.minus === undefined;
    return { ...info, addend: absolute ? this.#wrap(addend) : BigInt.asIntN(64, addend) };
  }

  /**
   * Section and offset in it; or symbol and offset where there is no section.
   * @throws DwarfError DWARF_BAD_RELOCATION, also of a distance between sections, which lies nowhere
   */
  place(): RelocatablePlace {
    const info = this.info();
    if (info.minus === undefined) return placeOf(info);
    const what = `${this.toString()}: found a distance, expected an address`;
    throw dwarfError(this.#reader.section, "DWARF_BAD_RELOCATION", this.#offset, what);
  }

  /**
   * Offset of one value from another: negative when this one comes first.
   * @returns `undefined` when they count from different sections or files, so that no order is known
   */
  minus(other: Relocatable): bigint | undefined {
    const [mine, theirs] = [this.info(), other.info()];
    if (mine.minus !== undefined || theirs.minus !== undefined) return undefined;
    if (mine.target && theirs.target && this.#fileOf(mine.target) !== other.#fileOf(theirs.target)) {
      return undefined;
    }
    const [to, start] = [placeOf(mine), placeOf(theirs)];
    return to.section === start.section && to.symbol === start.symbol ? to.offset - start.offset : undefined;
  }

  /**
   * Order of two values: negative when this one comes first, 0 when they are the same.
   * @returns `undefined` when they count from different sections, so that no order is known
   */
  compare(other: Relocatable): -1 | 0 | 1 | undefined {
    const distance = this.minus(other);
    if (distance === undefined) return undefined;
    return distance < 0n ? -1 : distance > 0n ? 1 : 0;
  }

  /**
   * The final value.
   * @param resolver who knows places; the resolver in force if none is given
   * @throws RelocationRequiredError when it does not know a place
   */
  resolve(resolver?: Resolver): bigint {
    const { target, addend, minus } = this.info();
    let value = addend;
    if (target !== undefined) value += this.#valueOf(target, resolver);
    if (minus === "place") value -= this.#placeAddress(resolver);
    else if (minus !== undefined) value -= this.#valueOf(minus, resolver);
    return this.#wrap(value);
  }

  /** `.text+0x10`, `printk+0x0`, or the number where there is nothing it counts from. */
  toString(): string {
    const { target, addend, minus } = this.info();
    const start = target === undefined ? `0x${addend.toString(16)}` : from(target, addend);
    if (minus === undefined) return start;
    return `${start}-${minus === "place" ? "." : `(${from(minus, 0n)})`}`;
  }

  #wrap(value: bigint): bigint {
    return BigInt.asUintN(8 * this.#size, value);
  }

  #fileOf(target: RelocationTarget): ElfFile {
    return (target.origin ?? this.#reader.section).elf;
  }

  #valueOf(target: RelocationTarget, resolver: Resolver | undefined): bigint {
    const { symbol, threadLocal, sectionName } = target;
    const { section } = this.#reader;
    const origin = target.origin ?? section;
    const inForce = resolver ?? origin.placement;
    const value = symbolValue(origin.elf, symbol, threadLocal === true, inForce);
    if (value !== undefined) return value;
    throw relocationRequired(section, this.#offset, targetName(symbol, sectionName));
  }

  #placeAddress(resolver: Resolver | undefined): bigint {
    const { section } = this.#reader;
    const start = sectionStart(section.elf, section.elfSection.index, resolver ?? section.placement);
    if (start === undefined) throw relocationRequired(section, this.#offset, section.section);
    return start + BigInt(this.#offset);
  }
}

function placeOf({ target, addend }: RelocationInfo): RelocatablePlace {
  if (target === undefined) return { section: undefined, symbol: 0, offset: addend };
  const { special, sectionIndex, index, value } = target.symbol;
  if (special && sectionIndex === SHN.SHN_ABS) {
    return { section: undefined, symbol: 0, offset: value + addend };
  }
  if (special || sectionIndex === SHN.SHN_UNDEF) {
    return { section: undefined, symbol: index, offset: addend };
  }
  return { section: sectionIndex, symbol: 0, offset: value + addend };
}

function from({ symbol, sectionName }: RelocationTarget, addend: bigint): string {
  const inSection = sectionName !== undefined && !symbol.special;
  const offset = inSection ? symbol.value + addend : addend;
  const sign = offset < 0n ? "-" : "+";
  return `${inSection ? sectionName : symbol.name}${sign}0x${(offset < 0n ? -offset : offset).toString(16)}`;
}

/** What messages call the target of a relocation. */
export function targetName(symbol: ElfSymbol, sectionName: string | undefined): string {
  return symbol.name === "" ? (sectionName ?? "an unnamed symbol") : symbol.name;
}
