/**
 * Relocations of code and data that is to run: what a row of a machine's table says, and how a value is worked out,
 * checked and stored.
 *
 * Addresses are numbers here: exact below 2^53, and no processor has user addresses beyond 2^52. Nothing is allocated
 * for a relocation.
 */

/**
 * How the value comes about. `S` is the address of the symbol, `A` the addend, `P` the address of the place, `L` that of
 * an entry that leads to the symbol (the symbol itself where nothing needs to lead), `G` the address of the symbol's
 * entry in the global offset table (of any kind), `GOT` that of the table, `Z` the symbol's size. `Page` clears the low 12 bits.
 */
export type CodeFormula =
  | "none"
  | "S + A"
  | "S + A - P"
  | "L + A"
  | "L + A - P"
  | "L + A - GOT"
  | "S + A - GOT"
  | "GOT + A - P"
  | "G + A - P"
  | "G + A - GOT"
  | "G + A"
  | "Z + A"
  | "Page(S + A) - Page(P)"
  | "Page(G) - Page(P)"
  | "G - Page(GOT)"
  /**
   * Thread-local storage: `D` is the symbol's distance from the start of the thread's block, `T` that of the block from the
   * thread pointer; `GD`, `LD` and `IE` are addresses of entries that hold a module and `D`, a module, and `D + T`.
   */
  | "D + A"
  | "D + T + A"
  | "GD + A - P"
  | "LD + A - P"
  | "IE + A - P"
  /** Marks the call of a function that tells `D + T`. */
  | "IE call"
  /** Other ways to thread-local storage. */
  | "TLS";

/** What is checked before a value is stored. `either`: it is right as a signed or as an unsigned number. */
export type RangeCheck = "none" | "signed" | "unsigned" | "either";

/** Where in memory the bits of a value go. */
export type CodeField =
  /** Nowhere. */
  | "nothing"
  /** Whole bytes, in the order of the machine. */
  | "bytes"
  /** AArch64 instructions by the place of their immediate: bits 5 to 23, 0 to 25, 5 to 18, 10 to 21, 5 to 20, and 29 with 5 to 23. */
  | "imm19"
  | "imm26"
  | "imm14"
  | "imm12"
  /** As `imm12`, the low 12 bits of an address only. */
  | "lo12"
  | "imm16"
  | "adr"
  /** As `imm16`, and the instruction becomes `MOVN` for a negative value and `MOVZ` for another. */
  | "imm16 signed";

export interface CodeRelocation {
  readonly formula: CodeFormula;
  readonly field: CodeField;
  /** Bytes of the field: of an instruction, 4. */
  readonly size: 0 | 1 | 2 | 4 | 8;
  /** Bits that the value must fit, the dropped ones counted. */
  readonly bits: number;
  readonly check: RangeCheck;
  /** Low bits that are dropped before it is stored. */
  readonly shift: number;
  /** What the value, or of a page offset its low bits, must be a multiple of. */
  readonly align: number;
}

/** Rows by relocation type. */
export type CodeRelocations = ReadonlyMap<number, CodeRelocation>;

export const NOTHING: CodeRelocation = {
  formula: "none",
  field: "nothing",
  size: 0,
  bits: 0,
  check: "none",
  shift: 0,
  align: 1,
};

/** A field of whole bytes. */
export function bytes(formula: CodeFormula, size: 1 | 2 | 4 | 8, check: RangeCheck): CodeRelocation {
  return { formula, field: "bytes", size, bits: size * 8, check, shift: 0, align: 1 };
}

/** Low bits of an address that `Page` clears. */
const PAGE = 0x1000;

/** Value of a formula; `D`, `D + T` go in as `s`, entries of any kind as `g`. `TLS`, calls and `none` have none: 0. */
export function relocationValue(
  formula: CodeFormula,
  s: number,
  a: number,
  p: number,
  l: number,
  g: number,
  got: number,
  z: number,
): number {
  switch (formula) {
    case "S + A":
    case "D + A":
    case "D + T + A":
      return s + a;
    case "S + A - P":
      return s + a - p;
    case "L + A":
      return l + a;
    case "L + A - P":
      return l + a - p;
    case "L + A - GOT":
      return l + a - got;
    case "S + A - GOT":
      return s + a - got;
    case "GOT + A - P":
      return got + a - p;
    case "G + A - P":
    case "GD + A - P":
    case "LD + A - P":
    case "IE + A - P":
      return g + a - p;
    case "G + A - GOT":
      return g + a - got;
    case "G + A":
      return g + a;
    case "Z + A":
      return z + a;
    case "Page(S + A) - Page(P)":
      return page(s + a) - page(p);
    case "Page(G) - Page(P)":
      return page(g) - page(p);
    case "G - Page(GOT)":
      return g - page(got);
    case "none":
    case "IE call":
    case "TLS":
      return 0;
  }
}

function page(address: number): number {
  return Math.floor(address / PAGE) * PAGE;
}

/** Powers of two, which are looked up faster than computed, for every field of a module. */
const REACH = Float64Array.from({ length: 65 }, (_, bits) => 2 ** bits);

/** Whether a value may be stored by this row. */
export function fitsField({ bits, check, align }: CodeRelocation, value: number): boolean {
  if (align > 1 && value % align !== 0) return false;
  const reach = REACH[bits] ?? 0;
  switch (check) {
    case "none":
      return true;
    case "signed":
      return value >= -reach / 2 && value < reach / 2;
    case "unsigned":
      return value >= 0 && value < reach;
    case "either":
      return value >= -reach / 2 && value < reach;
  }
}

/** What {@link fitsField} accepts, for messages: `-0x80000000 to 0x7fffffff`. */
export function fieldRange({ bits, check, align }: CodeRelocation): string {
  const reach = 2n ** BigInt(bits);
  const low = check === "unsigned" ? 0n : -reach / 2n;
  const high = check === "signed" ? reach / 2n - 1n : reach - 1n;
  const range = `${hex(low)} to ${hex(high)}`;
  const multiple = align > 1 ? `a multiple of ${align}` : "";
  return [check === "none" ? "" : range, multiple].filter((text) => text !== "").join(", ");
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** Stores a value that {@link fitsField}. */
export function storeField(
  view: DataView,
  at: number,
  little: boolean,
  row: CodeRelocation,
  value: number,
): void {
  const { field, size, shift } = row;
  if (field === "nothing") return;
  if (field !== "bytes") {
    const whole = field === "lo12" ? value - page(value) : value;
    storeInstruction(view, at, field, shift === 0 ? whole : Math.floor(whole / 2 ** shift));
    return;
  }
  switch (size) {
    case 8: {
      // Exact: floor takes the borrow of negative numbers along.
      const high = Math.floor(value / 0x1_0000_0000);
      view.setUint32(little ? at : at + 4, value - high * 0x1_0000_0000, little);
      view.setInt32(little ? at + 4 : at, high, little);
      return;
    }
    case 4:
      view.setInt32(at, value, little);
      return;
    case 2:
      view.setInt16(at, value, little);
      return;
    default:
      view.setInt8(at, value);
  }
}

/** Bits 30 and 29 of a move of a 16-bit immediate: 10 for `MOVZ`, 00 for `MOVN`. */
const MOVE_KIND = 0x6000_0000;
const MOVZ = 0x4000_0000;

/** AArch64: instructions are little-endian whatever data is. [Arm ARM, A2.4] */
function storeInstruction(view: DataView, at: number, field: CodeField, value: number): void {
  const put = (mask: number, bits: number): void => {
    view.setUint32(at, (view.getUint32(at, true) & ~mask) | (bits & mask), true);
  };
  // Modulo 2^32, of which each field takes its low bits.
  const low = (value % 0x1_0000_0000) | 0;
  switch (field) {
    case "imm19":
      put(0x00ff_ffe0, low << 5);
      return;
    case "imm26":
      put(0x03ff_ffff, low);
      return;
    case "imm14":
      put(0x0007_ffe0, low << 5);
      return;
    case "imm12":
    case "lo12":
      put(0x003f_fc00, low << 10);
      return;
    case "imm16":
      put(0x001f_ffe0, low << 5);
      return;
    case "imm16 signed":
      put(MOVE_KIND, value < 0 ? 0 : MOVZ);
      put(0x001f_ffe0, (value < 0 ? ~low : low) << 5);
      return;
    case "adr":
      put(0x60ff_ffe0, ((low & 3) << 29) | ((low >> 2) << 5));
      return;
    default:
  }
}

/** The addend that a `REL` record has in its place. */
export function storedAddend(view: DataView, at: number, little: boolean, row: CodeRelocation): number {
  switch (row.size) {
    case 8:
      return Number(view.getBigInt64(at, little));
    case 4:
      return view.getInt32(at, little);
    case 2:
      return view.getInt16(at, little);
    case 1:
      return view.getInt8(at);
    default:
      return 0;
  }
}
