/** Arrays in native memory. */
import { inspect } from "node:util";
import { encodeUtf8 } from "../../bytes/text.ts";
import { declaration } from "../ctype/declaration.ts";
import { valueKind } from "../ctype/value-kind.ts";
import type { CType } from "../ctype.ts";
import { ArgumentError, refuse } from "./argument-error.ts";
import { type InMemory, MEMORY, Memory } from "./memory.ts";
import type { Access } from "./model.ts";

/** What an array is of. */
export interface ArrayForm {
  readonly element: CType;
  readonly access: Access;
  readonly count: number;
  readonly isReadOnly: boolean;
}

const FORM: unique symbol = Symbol("form");

/**
 * An array of what no typed array is of: structures, pointers, enumerations, arrays. It has the methods of arrays that
 * change nothing; elements are read and assigned by index.
 */
export class ArrayView extends Array<unknown> implements InMemory {
  readonly [MEMORY]: Memory;
  readonly [FORM]: ArrayForm;

  /** What `map` and `filter` make. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  private constructor(memory: Memory, form: ArrayForm) {
    // Room for the elements would be taken with each look at a large array.
    super();
    this[MEMORY] = memory;
    this[FORM] = form;
  }

  /** An array at the start of `memory`. */
  static in(memory: Memory, form: ArrayForm): ArrayView {
    return new Proxy(new ArrayView(memory, form), ELEMENTS);
  }

  /** What `console.log` shows: the elements; pointers are not followed. */
  [inspect.custom](): unknown {
    return plainArray(this[MEMORY], 0, this[FORM]);
  }
}

/** What an array is of. */
export function formOf(array: ArrayView): ArrayForm {
  return array[FORM];
}

/** Whether the elements of an array are const. */
export function isReadOnlyArray(array: ArrayView): boolean {
  return array[FORM].isReadOnly;
}

/** Elements as plain values. */
export function plainArray(memory: Memory, offset: number, { access, count }: ArrayForm): unknown[] {
  return Array.from({ length: count }, (_, index) => access.plain(memory, offset + index * access.size));
}

/**
 * Writes an array: as many elements as are given, and 0 in the others; text into an array of bytes.
 * @throws ArgumentError, with the memory as it was
 */
export function writeArray(
  { element, access, count }: ArrayForm,
  memory: Memory,
  offset: number,
  value: unknown,
  where: string,
): void {
  const elements = elementsOf(value, access.size === 1);
  if (elements === undefined) {
    refuse(where, value, `${declaration(element, `[${count}]`)}: an array or typed array`);
  }
  if (elements.length > count) {
    throw new ArgumentError(where, `found ${elements.length} elements, expected at most ${count}`);
  }
  const next = Memory.allocate(access.size * count);
  if (typeof value === "string") next.bytes.set(encodeUtf8(value));
  else if (isCopyOf(element, value)) {
    next.bytes.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else
    elements.forEach((one, index) => {
      access.write(next, index * access.size, one, `${where}[${index}]`);
    });
  memory.copy(next, offset);
}

/** Whether a value is a typed array that has the bytes of such elements; any of its bytes is good for a number. */
function isCopyOf(element: CType, value: unknown): value is ArrayBufferView {
  const typed = valueKind(element).kind === "boolean" ? undefined : typedArrayFor(element);
  return typed !== undefined && value instanceof typed;
}

function elementsOf(value: unknown, isText: boolean): (ArrayLike<unknown> & { forEach: Each }) | undefined {
  if (typeof value === "string") return isText ? encodeUtf8(value) : undefined;
  if (Array.isArray(value)) return value;
  return isTypedArray(value) ? value : undefined;
}

type Each = (action: (one: unknown, index: number) => void) => void;

function isTypedArray(value: unknown): value is ArrayLike<unknown> & { forEach: Each } {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

const INDEX = /^\d+$/;

const ELEMENTS: ProxyHandler<ArrayView> = {
  get: (array, key, receiver) => {
    if (key === "length") return array[FORM].count;
    if (typeof key !== "string" || !INDEX.test(key)) return Reflect.get(array, key, receiver);
    const { access, count } = array[FORM];
    if (Number(key) >= count) return undefined;
    try {
      return access.read(array[MEMORY], Number(key) * access.size);
    } catch (error) {
      throw array[MEMORY].failure(error);
    }
  },
  set: (array, key, value) => {
    const { access, count, element, isReadOnly } = array[FORM];
    const where = declaration(element, `[${String(key)}]`);
    if (isReadOnly) throw new ArgumentError(where, "found an assignment, expected none: it is const");
    if (typeof key !== "string" || !INDEX.test(key) || Number(key) >= count) {
      throw new ArgumentError(where, `found an assignment, expected an index below ${count}`);
    }
    try {
      access.write(array[MEMORY], Number(key) * access.size, value, where);
    } catch (error) {
      throw array[MEMORY].failure(error);
    }
    return true;
  },
  has: (array, key) =>
    typeof key === "string" && INDEX.test(key) ? Number(key) < array[FORM].count : Reflect.has(array, key),
  deleteProperty: () => false,
  defineProperty: () => false,
};

type TypedArrayClass = new (
  buffer: ArrayBuffer,
  offset: number,
  length: number,
) => ArrayBufferView<ArrayBuffer>;

const SIGNED: Readonly<Record<number, TypedArrayClass>> = {
  1: Int8Array,
  2: Int16Array,
  4: Int32Array,
  8: BigInt64Array,
};
const UNSIGNED: Readonly<Record<number, TypedArrayClass>> = {
  1: Uint8Array,
  2: Uint16Array,
  4: Uint32Array,
  8: BigUint64Array,
};
const FLOATS: Readonly<Record<number, TypedArrayClass>> = { 4: Float32Array, 8: Float64Array };

/** The class of typed arrays that arrays of a type are; `undefined` if they are {@link ArrayView}. */
export function typedArrayFor(type: CType): TypedArrayClass | undefined {
  const value = valueKind(type);
  switch (value.kind) {
    case "boolean":
      return value.size === 1 ? Uint8Array : undefined;
    case "number":
    case "bigint":
      return (value.encoding === "float" ? FLOATS : value.encoding === "signed" ? SIGNED : UNSIGNED)[
        value.size
      ];
    default:
      return undefined;
  }
}

/** An array in memory: a typed array where there is one for it, of what is const a copy; else an {@link ArrayView}. */
export function arrayIn(memory: Memory, form: ArrayForm): ArrayBufferView<ArrayBuffer> | ArrayView {
  const typed = typedArrayFor(form.element);
  if (typed === undefined) return ArrayView.in(memory, form);
  const { buffer, byteOffset } = memory.view;
  // What is const may be in memory that can't be written to; what is packed, where no typed array can be.
  if (form.isReadOnly || byteOffset % form.access.size !== 0)
    return new typed(memory.bytes.slice().buffer, 0, form.count);
  return new typed(buffer, byteOffset, form.count);
}
