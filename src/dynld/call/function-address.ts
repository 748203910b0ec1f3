/** Where functions are that JavaScript has an object for, and of what type: callables, and callbacks. */
import type { CFunction } from "../ctype.ts";

interface NativeFunctionObject {
  readonly type: CFunction;
  readonly address: () => bigint;
}

const functions = new WeakMap<object, NativeFunctionObject>();

/** Notes what function is behind an object. */
export function noteFunction(object: object, type: CFunction, address: () => bigint): void {
  functions.set(object, { type, address });
}

/** Where the function behind an object is; `undefined` of what is none. @throws DynldError DYNLD_FREED of what is gone */
export function functionAddress(value: unknown): bigint | undefined {
  return objectOf(value)?.address();
}

/** The type of the function behind an object. */
export function functionType(value: unknown): CFunction | undefined {
  return objectOf(value)?.type;
}

function objectOf(value: unknown): NativeFunctionObject | undefined {
  const isObject = typeof value === "function" || (typeof value === "object" && value !== null);
  return isObject ? functions.get(value) : undefined;
}
