/** The rules of one row of a call frame table, as columns by register. */

/** How a register of the caller, or the canonical frame address, is found [DWARF5 6.4.1]. */
export const RULE = {
  /** Nothing was said: what the ABI says of the register. */
  unspecified: 0,
  undefined: 1,
  same_value: 2,
  /** In memory at the canonical frame address + offset. */
  offset: 3,
  /** Is the canonical frame address + offset. */
  val_offset: 4,
  /** In another register; of the canonical frame address: a register + offset. */
  register: 5,
  /** In memory at the address that an expression gives. */
  expression: 6,
  /** Is what an expression gives; so is a canonical frame address that has one. */
  val_expression: 7,
  /** Is this number. */
  constant: 8,
} as const;
export type RULE = (typeof RULE)[keyof typeof RULE];

/** No machine numbers registers as high; AMD's graphics processors come nearest. */
export const REGISTER_LIMIT = 4096;
/** Rows saved at a time. Compilers save one before each of several epilogues. */
const DEPTH_LIMIT = 1024;
const FIRST_CAPACITY = 32;
/** Words of the log for one change. */
const CHANGE = 4;
/** Words of a saved row beside the log. */
const SAVED = 6;

export class FrameState {
  cfaKind: RULE = RULE.unspecified;
  cfaRegister = 0;
  /** Offset from the register; where the CFA has an expression, where that is in the section. */
  cfaValue = 0;
  /** Bytes of the expression. */
  cfaLength = 0;
  /** What the register's memory is counted in, on processors that have several. */
  cfaSpace = 0;
  /** Bytes of arguments that were pushed for a call: `DW_CFA_GNU_args_size`. */
  argumentsSize = 0;
  /** Registers from here on are unspecified. */
  count = 0;
  #kinds = new Uint8Array(FIRST_CAPACITY);
  /** Offset, register or constant; of expressions where they are in the section. */
  #values = new Float64Array(FIRST_CAPACITY);
  #lengths = new Float64Array(FIRST_CAPACITY);
  /** What to put back to come to the saved rows: register, kind, value, length each. */
  readonly #log: number[] = [];
  /** By saved row, {@link SAVED} words each: length of the log, and the CFA. */
  readonly #saved: number[] = [];

  kind(register: number): RULE {
    return register < this.count ? ((this.#kinds[register] ?? 0) as RULE) : RULE.unspecified;
  }

  value(register: number): number {
    return register < this.count ? (this.#values[register] ?? 0) : 0;
  }

  length(register: number): number {
    return register < this.count ? (this.#lengths[register] ?? 0) : 0;
  }

  /** @param register below {@link REGISTER_LIMIT} */
  set(register: number, kind: RULE, value = 0, length = 0): void {
    if (this.#saved.length > 0) {
      this.#log.push(register, this.kind(register), this.value(register), this.length(register));
    }
    this.#put(register, kind, value, length);
  }

  /** Saves the row. @returns false if too many are saved already */
  remember(): boolean {
    if (this.#saved.length >= DEPTH_LIMIT * SAVED) return false;
    const { cfaKind, cfaRegister, cfaValue, cfaLength, cfaSpace } = this;
    this.#saved.push(this.#log.length, cfaKind, cfaRegister, cfaValue, cfaLength, cfaSpace);
    return true;
  }

  /** Makes the row saved last the current one. @returns false if none is saved */
  restore(): boolean {
    const saved = this.#saved;
    const log = this.#log;
    const from = saved.length - SAVED;
    if (from < 0) return false;
    const length = saved[from] ?? 0;
    for (let at = log.length - CHANGE; at >= length; at -= CHANGE) {
      this.#put(log[at] ?? 0, (log[at + 1] ?? 0) as RULE, log[at + 2] ?? 0, log[at + 3] ?? 0);
    }
    log.length = length;
    this.cfaKind = (saved[from + 1] ?? 0) as RULE;
    this.cfaRegister = saved[from + 2] ?? 0;
    this.cfaValue = saved[from + 3] ?? 0;
    this.cfaLength = saved[from + 4] ?? 0;
    this.cfaSpace = saved[from + 5] ?? 0;
    saved.length = from;
    return true;
  }

  /** Takes over a row; nothing is saved then. */
  copy(other: FrameState): void {
    this.cfaKind = other.cfaKind;
    this.cfaRegister = other.cfaRegister;
    this.cfaValue = other.cfaValue;
    this.cfaLength = other.cfaLength;
    this.cfaSpace = other.cfaSpace;
    this.argumentsSize = other.argumentsSize;
    this.#log.length = 0;
    this.#saved.length = 0;
    if (this.#kinds.length < other.count) this.#grow(other.count);
    this.#kinds.set(other.#kinds.subarray(0, other.count));
    this.#values.set(other.#values.subarray(0, other.count));
    this.#lengths.set(other.#lengths.subarray(0, other.count));
    this.count = other.count;
  }

  #put(register: number, kind: RULE, value: number, length: number): void {
    if (register >= this.count) {
      if (register >= this.#kinds.length) this.#grow(register + 1);
      this.#kinds.fill(RULE.unspecified, this.count, register);
      this.count = register + 1;
    }
    this.#kinds[register] = kind;
    this.#values[register] = value;
    this.#lengths[register] = length;
  }

  #grow(count: number): void {
    let capacity = this.#kinds.length;
    while (capacity < count) capacity *= 2;
    const kinds = new Uint8Array(capacity);
    const values = new Float64Array(capacity);
    const lengths = new Float64Array(capacity);
    kinds.set(this.#kinds);
    values.set(this.#values);
    lengths.set(this.#lengths);
    this.#kinds = kinds;
    this.#values = values;
    this.#lengths = lengths;
  }
}
