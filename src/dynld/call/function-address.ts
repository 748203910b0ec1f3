/** Where functions are that JavaScript has an object for: callables, and callbacks. */

const addresses = new WeakMap<object, () => bigint>();

/** Notes where the function behind an object is. */
export function noteAddress(object: object, address: () => bigint): void {
  addresses.set(object, address);
}

/** Where the function behind an object is; `undefined` of what is none. @throws DynldError DYNLD_FREED of what is gone */
export function functionAddress(value: unknown): bigint | undefined {
  const isObject = typeof value === "function" || (typeof value === "object" && value !== null);
  return isObject ? addresses.get(value)?.() : undefined;
}
