/** Types that a program makes values of itself: memory for structures and arrays, callbacks. */
import { declaration } from "../ctype/declaration.ts";
import { isConst } from "../ctype/value-kind.ts";
import { alignOf, bare, type CType, isRecord } from "../ctype.ts";
import { ArgumentError, refuse } from "./argument-error.ts";
import { type ArrayForm, arrayIn, writeArray } from "./array-view.ts";
import { type Callback, makeCallback } from "./callback.ts";
import { Memory } from "./memory.ts";
import type { ValueModel } from "./model.ts";
import { unsupported } from "./unsupported.ts";

/** Bytes of memory that is asked for at once. */
const LARGEST = 2 ** 32;

/** A type of C, for values in memory. */
export class NativeType {
  readonly type: CType;
  readonly #model: ValueModel;

  constructor(model: ValueModel, type: CType) {
    this.#model = model;
    this.type = type;
  }

  /** As C declares it. */
  get declaration(): string {
    return declaration(this.type);
  }

  /** Bytes. @throws DynldError DYNLD_UNSUPPORTED of types without a size, or without values */
  get size(): number {
    const { size } = bare(this.type);
    if (size === undefined) throw unsupported("type", this.type);
    return size;
  }

  /**
   * New memory for a value, all zeros but for what is given: a view of a structure, or an array; of other types an array
   * of one. It lives as long as the view, or whatever else leads to it in JavaScript's memory.
   * @throws ArgumentError for a value that the type does not have
   */
  create(value?: unknown): unknown {
    const memory = Memory.allocate(this.size, alignOf(this.type));
    if (value !== undefined) this.#model.access(this.type, false).write(memory, 0, value, this.declaration);
    return this.#in(memory);
  }

  /** What is at an address: as {@link create}, of the program's memory. @throws ArgumentError of 0 */
  at(address: bigint): unknown {
    return this.#in(Memory.at(checked(address), this.size));
  }

  /** New memory for so many values, or for those that are given. @throws ArgumentError */
  array(countOrValues: number | ArrayLike<unknown>): unknown {
    const values = typeof countOrValues === "number" ? undefined : countOrValues;
    const form = this.#form(typeof countOrValues === "number" ? countOrValues : countOrValues.length);
    const memory = Memory.allocate(form.access.size * form.count, alignOf(this.type));
    if (values !== undefined) writeArray(form, memory, 0, values, this.declaration);
    return arrayIn(memory, form);
  }

  /** The values at an address: a typed array of numbers, else an array. @throws ArgumentError of 0 */
  arrayAt(address: bigint, count: number): unknown {
    const form = this.#form(count);
    return arrayIn(Memory.at(checked(address), form.access.size * count), form);
  }

  /**
   * A native function of this type, or of that which a pointer of this type leads to, which calls a JavaScript one. It
   * lives until it is released.
   * @throws DynldError DYNLD_UNSUPPORTED; ArgumentError of a type that is no function; HostError when there are too many
   */
  callback(action: (...args: never[]) => unknown): Callback {
    const found = bare(this.type);
    const target = found.kind === "pointer" ? bare(found.target) : found;
    if (target.kind !== "function") {
      throw new ArgumentError("callback", `found ${this.declaration}, expected the type of a function`);
    }
    if (typeof action !== "function") refuse("callback", action, "a function");
    return makeCallback(this.#model.callback(target), target, action);
  }

  #in(memory: Memory): unknown {
    const found = bare(this.type);
    if (isRecord(found) && found.isComplete) return this.#model.record(found, memory, isConst(this.type));
    if (found.kind === "array") return this.#model.access(this.type, false).read(memory, 0);
    return arrayIn(memory, this.#form(1));
  }

  #form(count: number): ArrayForm {
    const { size } = this;
    if (!Number.isSafeInteger(count) || count < 0 || count * size > LARGEST) {
      throw new ArgumentError(this.declaration, `found ${count} elements, expected at most ${LARGEST} bytes`);
    }
    const isReadOnly = isConst(this.type);
    return { element: this.type, access: this.#model.access(this.type, isReadOnly), count, isReadOnly };
  }
}

function checked(address: bigint): bigint {
  if (typeof address !== "bigint" || address <= 0n || address >= 1n << 64n) {
    refuse("at", address, "an address that is not 0");
  }
  return address;
}
