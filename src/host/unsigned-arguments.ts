/** Integers of 64 bits without sign as native code gives them to JavaScript functions. */
import type { NativeFunction } from "./ffi.ts";

/**
 * `action` for koffi to call, which gives callbacks `uint64_t` as if it had a sign: from 2^63 on, values are negative there.
 * @param isUnsigned of each argument, whether it is one
 */
export function withUnsigned(action: NativeFunction, isUnsigned: readonly boolean[]): NativeFunction {
  const places = isUnsigned.flatMap((is, index) => (is ? [index] : []));
  if (places.length === 0) return action;
  return (...args) => {
    for (const place of places) {
      const value = args[place] as number | bigint;
      if (value < 0) args[place] = BigInt.asUintN(64, BigInt(value));
    }
    return action(...args);
  };
}
