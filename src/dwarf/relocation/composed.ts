/** A value while the relocations of its place are applied to it, one after the other: symbols, and a number in halves. */
import type { RelocationRow } from "./row.ts";

/** Symbols that one value may count from, however they are signed. */
const MOST = 8;
const TWO_32 = 0x1_0000_0000;

/** Reused from value to value, so that none is allocated. */
export class ComposedValue {
  /** What is known of the value: two's complement halves. */
  low = 0;
  high = 0;
  /** Times the address of the place is added; mostly 0 or -1. */
  places = 0;
  /** The value is an offset in a thread's block of variables. */
  threadLocal = false;
  /** Symbols that are added (1) or subtracted (-1): the first {@link count}. */
  readonly symbols = new Uint32Array(MOST);
  readonly signs = new Int8Array(MOST);
  count = 0;

  /** Begins with a known value. */
  set(low: number, high: number): void {
    this.low = low >>> 0;
    this.high = high >>> 0;
    this.places = 0;
    this.threadLocal = false;
    this.count = 0;
  }

  /** Adds a known number, or with a sign of -1 subtracts it. */
  add(low: number, high: number, sign: number): void {
    const sum = this.low + sign * (low >>> 0);
    this.low = sum >>> 0;
    this.high = (this.high + sign * high + Math.floor(sum / TWO_32)) >>> 0;
  }

  /** Adds a symbol, or with a sign of -1 subtracts it. @returns false when there are too many */
  addSymbol(symbol: number, sign: number): boolean {
    if (symbol === 0) return true;
    if (this.count === MOST) return false;
    this.symbols[this.count] = symbol;
    this.signs[this.count] = sign;
    this.count++;
    return true;
  }

  /** Takes the term at a position out. */
  remove(position: number): void {
    this.count--;
    this.symbols[position] = this.symbols[this.count] ?? 0;
    this.signs[position] = this.signs[this.count] ?? 0;
  }

  /**
   * Applies one relocation.
   * @param low of the addend, with `high`
   * @returns false when the value counts from too many symbols, or the formula is none of relocatable files
   */
  apply(row: RelocationRow, symbol: number, low: number, high: number): boolean {
    switch (row.formula) {
      case "none":
        return true;
      case "S + A":
        this.set(low, high);
        return this.addSymbol(symbol, 1);
      case "S + A - P":
        this.set(low, high);
        this.places = -1;
        return this.addSymbol(symbol, 1);
      case "TLS: S + A":
        this.set(low, high);
        this.add(row.bias, 0, -1);
        this.threadLocal = true;
        return this.addSymbol(symbol, 1);
      case "V + S + A":
        this.add(low, high, 1);
        return this.addSymbol(symbol, 1);
      case "V - S - A":
        this.add(low, high, -1);
        return this.addSymbol(symbol, -1);
      case "S - A":
        this.set(low, high);
        this.#negate();
        return this.addSymbol(symbol, 1);
      default:
        return false;
    }
  }

  /** Applies a further type of the same record, whose addend is the value so far. [64-bit ELF Object File Spec., 2.9] */
  applyNext(row: RelocationRow, fromPlace: boolean): boolean {
    switch (row.formula) {
      case "S + A":
        break;
      case "S + A - P":
        this.places--;
        break;
      case "S - A":
        this.#negate();
        break;
      default:
        return row.formula === "none";
    }
    if (fromPlace) this.places++;
    return true;
  }

  #negate(): void {
    const { low, high } = this;
    this.low = 0;
    this.high = 0;
    this.add(low, high, -1);
    this.places = -this.places;
    for (let i = 0; i < this.count; i++) this.signs[i] = -(this.signs[i] ?? 0);
  }
}
