/** Pointers: what an address is to JavaScript, and what may be given for one. */
import { textAt } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { isConst, type ValueKind, valueKind } from "../ctype/value-kind.ts";
import { bare, type CFunction, type CType, isRecord } from "../ctype.ts";
import { ArgumentError, refuse } from "./argument-error.ts";
import { ArrayView, formOf, isReadOnlyArray } from "./array-view.ts";
import { functionAddress, functionType } from "./function-address.ts";
import { MEMORY, Memory } from "./memory.ts";
import type { ValueModel } from "./model.ts";
import { misfit } from "./prototype.ts";
import { layoutOf, type RecordLayout, RecordView } from "./record-view.ts";
import { sameRecord } from "./same-record.ts";

/** Kinds of values that are pointers. */
export type PointerKind = Extract<ValueKind, { kind: "string" | "view" | "function" | "address" }>;

/** What goes to native code for a pointer: an address, or memory of JavaScript's that stays while it is held. */
export type Pointed = bigint | null | ArrayBuffer | ArrayBufferView;

const MOST = (1n << 64n) - 1n;

/** Whether values of a kind are pointers. */
export function isPointer(value: ValueKind): value is PointerKind {
  return (
    value.kind === "string" || value.kind === "view" || value.kind === "function" || value.kind === "address"
  );
}

/** What an address that is not 0 is, as a value of a pointer type. */
export function pointerReader(
  model: ValueModel,
  type: CType,
  value: PointerKind,
): (address: bigint) => unknown {
  switch (value.kind) {
    case "string":
      return textAt;
    case "function":
      return (address) => model.callable(value.type, address);
    case "view": {
      const isReadOnly = isConst(targetOf(type));
      const size = value.type.size ?? 0;
      return (address) => model.record(value.type, Memory.at(address, size), isReadOnly);
    }
    default:
      return (address) => address;
  }
}

/** What a pointer type points to. */
export function targetOf(type: CType): CType {
  const found = bare(type);
  return found.kind === "pointer" ? found.target : found;
}

/**
 * What goes to native code for a value given as a pointer: an address, `null`, a view, an array, a typed array of the same
 * elements, a buffer of bytes, a callable or a callback. What has to live as long as something else is not made here.
 */
export function pointerConvert(
  type: CType,
  value: PointerKind,
): (given: unknown, where: string, expected?: string) => Pointed {
  const target = targetOf(type);
  const isReference = (value.kind === "view" || value.kind === "address") && value.isReference;
  const isFixed = isConst(target);
  const text = declaration(type);
  const holds = bufferCheck(target);
  let accepted: RecordLayout | undefined;
  let fitting: CFunction | undefined;
  return (given, where, expected = text) => {
    if (given instanceof RecordView && layoutOf(given) === accepted) return given[MEMORY].native;
    if (given === null) return isReference ? refuse(where, given, text) : null;
    if (typeof given === "bigint") {
      return given >= 0n && given <= MOST && !(isReference && given === 0n)
        ? given
        : refuse(where, given, expected);
    }
    if (value.kind === "function") {
      const address = functionAddress(given) ?? refuse(where, given, expected);
      const found = functionType(given);
      if (found !== fitting) checkFunction(found, value.type, where);
      fitting = found;
      return address;
    }
    if (given instanceof RecordView) {
      const layout = layoutOf(given);
      const { record, isReadOnly, name } = layout;
      if (!pointsTo(target, record))
        throw new ArgumentError(where, `found a view of ${name}, expected ${text}`);
      if (isReadOnly && !isFixed) throw constant(where, text);
      accepted = layout;
      return given[MEMORY].native;
    }
    if (given instanceof ArrayView) {
      if (!pointsTo(target, formOf(given).element)) return refuse(where, given, expected);
      if (isReadOnlyArray(given) && !isFixed) throw constant(where, text);
      return given[MEMORY].native;
    }
    return isBuffer(given) && holds(given) ? given : refuse(where, given, expected);
  };
}

/** Refuses a function that can't be called as another. Any may stand for `void (*)(void)`, as it does in C. */
function checkFunction(found: CFunction | undefined, expected: CFunction, where: string): void {
  const isAny = expected.parameters.length === 0 && valueKind(expected.result).kind === "void";
  if (found === undefined || isAny || misfit(found, expected) === undefined) return;
  throw new ArgumentError(where, `found a function ${declaration(found)}, expected ${declaration(expected)}`);
}

function constant(where: string, text: string): ArgumentError {
  return new ArgumentError(where, `found what is const, expected ${text}`);
}

function isBuffer(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** Whether a pointer to one type may be a pointer to another. */
function pointsTo(target: CType, other: CType): boolean {
  const to = bare(target);
  const from = bare(other);
  if (to.kind === "void") return true;
  if (isRecord(to)) return isRecord(from) && sameRecord(to, from);
  if (to.kind === "array") return pointsTo(to.element, from.kind === "array" ? from.element : from);
  const a = formAt(target);
  const b = formAt(other);
  return a !== undefined && a.size === b?.size && a.isFloat === b.isFloat;
}

/** Tells whether a buffer may be where a pointer to a type points: its elements are alike, or it has none. */
function bufferCheck(target: CType): (buffer: ArrayBuffer | ArrayBufferView) => boolean {
  const to = bare(target);
  if (to.kind === "void") return () => true;
  const { size = 0 } = to;
  if (isRecord(to)) return (buffer) => buffer.byteLength >= size;
  if (to.kind === "array") return bufferCheck(to.element);
  const form = formAt(target);
  return (buffer) => {
    if (buffer instanceof DataView || !ArrayBuffer.isView(buffer)) return buffer.byteLength >= size;
    const isFloat = buffer instanceof Float32Array || buffer instanceof Float64Array;
    const width = (buffer as ArrayBufferView & { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
    return isFloat === form?.isFloat && width === form.size;
  };
}

/** How a number or pointer lies in memory. */
function formAt(type: CType): { readonly size: number; readonly isFloat: boolean } | undefined {
  const value = valueKind(type);
  switch (value.kind) {
    case "boolean":
    case "enum":
      return { size: value.size, isFloat: false };
    case "number":
    case "bigint":
      return { size: value.size, isFloat: value.encoding === "float" };
    default:
      return isPointer(value) ? { size: bare(type).size ?? 0, isFloat: false } : undefined;
  }
}
