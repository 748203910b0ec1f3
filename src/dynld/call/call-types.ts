/** The values of one library or module: each type's class and converters, made once. */

import { DynldError } from "../../errors.ts";
import { addressOfBuffer } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { isConst, valueKind } from "../ctype/value-kind.ts";
import { bare, type CFunction, type CRecord, type CType, isRecord } from "../ctype.ts";
import { refuse } from "./argument-error.ts";
import { type ArrayForm, arrayIn, plainArray, writeArray } from "./array-view.ts";
import { type CallableHandle, type CallableHost, makeCallable } from "./callable.ts";
import { callbackForm } from "./callback.ts";
import { functionAddress } from "./function-address.ts";
import type { Memory } from "./memory.ts";
import type { Access, CallbackForm, RecordFields, ValueModel } from "./model.ts";
import { numberAccess } from "./numbers.ts";
import { isPointer, type PointerKind, pointerConvert, pointerReader } from "./pointers.ts";
import { plainRecord, type RecordClass, type RecordView, recordClass, writeRecord } from "./record-view.ts";
import type { TypeNames } from "./type-names.ts";
import { unreadable } from "./unsupported.ts";
import type { CallScope } from "./wrapper.ts";

/** Functions that pointers led to and that are kept; more begin anew. */
const MOST_POINTED = 4096;
/** Arrays in arrays before they are taken for a loop. */
const DEEPEST = 128;

/** By type, for what is const and what is not. */
class Cache<K extends CType, V> {
  readonly #values = [new WeakMap<K, V>(), new WeakMap<K, V>()] as const;

  get(type: K, isReadOnly: boolean, make: () => V): V {
    const values = this.#values[isReadOnly ? 1 : 0];
    let value = values.get(type);
    if (value === undefined) {
      value = make();
      values.set(type, value);
    }
    return value;
  }
}

export class CallTypes implements ValueModel, CallableHost {
  readonly scope: CallScope = { active: 0 };
  readonly #names: TypeNames;
  readonly #access = new Cache<CType, Access>();
  readonly #records = new Cache<CRecord, RecordClass>();
  readonly #callbacks = new WeakMap<CFunction, CallbackForm>();
  #pointed = new Map<CFunction, Map<bigint, unknown>>();
  #pointedCount = 0;
  readonly #open = new Set<WeakRef<CallableHandle>>();
  /** How many functions there are before those that are gone are looked for. */
  #crowded = MOST_POINTED;
  #depth = 0;

  constructor(names: TypeNames) {
    this.#names = names;
  }

  get model(): ValueModel {
    return this;
  }

  typeNamed(name: string): CType {
    return this.#names.find(name);
  }

  opened(handle: CallableHandle): void {
    if (this.#open.size >= this.#crowded) {
      for (const one of this.#open) if (one.deref() === undefined) this.#open.delete(one);
      this.#crowded = 2 * this.#open.size + MOST_POINTED;
    }
    this.#open.add(new WeakRef(handle));
  }

  access(type: CType, isReadOnly: boolean): Access {
    return this.#access.get(type, isReadOnly, () => this.#makeAccess(type, isReadOnly));
  }

  layout(type: CRecord): RecordFields {
    return this.#recordClass(type, false).layout;
  }

  record(type: CRecord, memory: Memory, isReadOnly: boolean): RecordView {
    return new (this.#recordClass(type, isReadOnly).view)(memory);
  }

  callable(type: CFunction, address: bigint): unknown {
    let known = this.#pointed.get(type);
    const found = known?.get(address);
    if (found !== undefined) return found;
    if (this.#pointedCount >= MOST_POINTED) {
      this.#pointed = new Map();
      this.#pointedCount = 0;
      known = undefined;
    }
    if (known === undefined) {
      known = new Map();
      this.#pointed.set(type, known);
    }
    const name = `function at 0x${address.toString(16)}`;
    const { callable } = makeCallable(this, name, type, address);
    known.set(address, callable);
    this.#pointedCount++;
    return callable;
  }

  callback(type: CFunction): CallbackForm {
    let form = this.#callbacks.get(type);
    if (form === undefined) {
      form = callbackForm(this, type);
      this.#callbacks.set(type, form);
    }
    return form;
  }

  /** Makes all functions throw. */
  end(error: Error): void {
    for (const handle of this.#open) handle.deref()?.end(error);
    this.#open.clear();
  }

  #recordClass(type: CRecord, isReadOnly: boolean): RecordClass {
    return this.#records.get(type, isReadOnly, () => recordClass(this, type, isReadOnly));
  }

  #makeAccess(type: CType, given: boolean): Access {
    const isReadOnly = given || isConst(type);
    const found = bare(type);
    if (this.#depth > DEEPEST) return unreadable(type, found.size ?? 0);
    this.#depth++;
    try {
      const number = numberAccess(type);
      if (number !== undefined) return number;
      if (isRecord(found) && found.isComplete) return this.#recordAccess(found, isReadOnly);
      const value = valueKind(type);
      if (isPointer(value)) return this.#pointerAccess(type, value);
      return value.kind === "array" && value.count !== undefined
        ? this.#arrayAccess(value.element, value.count, isReadOnly)
        : unreadable(type, found.size ?? 0);
    } finally {
      this.#depth--;
    }
  }

  #recordAccess(type: CRecord, isReadOnly: boolean): Access {
    const size = type.size ?? 0;
    const { view: View, layout } = this.#recordClass(type, isReadOnly);
    return {
      size,
      read: (memory, offset) => new View(memory.part(offset, size)),
      plain: (memory, offset) => plainRecord(layout, memory, offset),
      write: (memory, offset, value, where) => writeRecord(layout, memory, offset, value, where),
    };
  }

  #arrayAccess(element: CType, count: number, isReadOnly: boolean): Access {
    const isFixed = isReadOnly || isConst(element);
    const access = this.access(element, isFixed);
    const form: ArrayForm = { element, access, count, isReadOnly: isFixed };
    const size = access.size * count;
    return {
      size,
      read: (memory, offset) => arrayIn(memory.part(offset, size), form),
      plain: (memory, offset) => plainArray(memory, offset, form),
      write: (memory, offset, value, where) => writeArray(form, memory, offset, value, where),
    };
  }

  #pointerAccess(type: CType, value: PointerKind): Access {
    const convert = pointerConvert(type, value);
    const follow = pointerReader(this, type, value);
    return {
      size: bare(type).size ?? 0,
      read: ({ view }, offset) => {
        const address = view.getBigUint64(offset, true);
        return address === 0n ? null : follow(address);
      },
      plain: ({ view }, offset) => view.getBigUint64(offset, true) || null,
      write: (memory, offset, given, where) => {
        if (value.kind === "string" && typeof given === "string") refuse(where, given, LASTING_TEXT);
        if (typeof given === "function" && functionAddress(given) === undefined) {
          refuse(where, given, `a callback, which lasts, for ${declaration(type)}`);
        }
        const pointed = convert(given, where);
        const address =
          pointed === null ? 0n : typeof pointed === "bigint" ? pointed : addressOfBuffer(pointed);
        memory.view.setBigUint64(offset, address, true);
        // What JavaScript owns lives as long as what points to it, if that is JavaScript's too.
        memory.hold(offset, typeof pointed === "bigint" || pointed === null ? given : pointed);
      },
    };
  }
}

const LASTING_TEXT = "an address or a buffer, which last: a string has no place of its own";

/** @throws DynldError DYNLD_FREED */
export function freed(name: string): DynldError {
  return new DynldError("DYNLD_FREED", {}, `${name}: it was unloaded`);
}
