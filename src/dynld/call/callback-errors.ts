/**
 * What JavaScript functions throw that native code calls. The call that led there throws it when native code is done: until
 * then the function gives 0. Were it thrown at once, native code would be given whatever the stack has there.
 */
import type { NativeFunction, NativeShape } from "../../host/typed.ts";

/** Those of this thread. */
class CallbackErrors {
  /** Calls into native code that have not returned. */
  depth = 0;
  /** Whether a function has thrown in the innermost of them. */
  isFailed = false;
  #error: unknown;

  /** Keeps what a function has thrown. @throws it, where no call is there to throw it later */
  keep(error: unknown): void {
    if (this.depth === 0) throw error;
    this.isFailed = true;
    this.#error = error;
  }

  /** Throws what was kept. */
  rethrow(): never {
    const error = this.#error;
    this.isFailed = false;
    this.#error = undefined;
    throw error;
  }

  /** Makes a call into native code. @throws what functions have thrown in it */
  during<T>(call: () => T): T {
    this.depth++;
    try {
      return call();
    } finally {
      this.depth--;
      if (this.isFailed) this.rethrow();
    }
  }
}

/** One for all calls: a function that one module calls may be another one's. */
export const callbackErrors: CallbackErrors = new CallbackErrors();

/** A function for native code that throws nothing. Once it, or another one of the same call, has thrown, it does nothing. */
export function keepingErrors(action: NativeFunction, zero: unknown): NativeFunction {
  return (...args) => {
    if (callbackErrors.isFailed) return zero;
    try {
      return action(...args);
    } catch (error) {
      callbackErrors.keep(error);
      return zero;
    }
  };
}

/** What native code takes for 0. */
export function zeroOf(shape: NativeShape): unknown {
  if (shape === "void") return undefined;
  if (shape === "bool") return false;
  if (shape === "pointer" || shape === "string") return null;
  if (typeof shape === "string") return 0;
  if (!("pieces" in shape)) return null;
  return Object.fromEntries(
    shape.pieces.map(({ form, size }, index) => [
      `p${index}`,
      form === "double"
        ? new Float64Array(size / 8)
        : form === "float"
          ? new Float32Array(size / 4)
          : new Uint8Array(size),
    ]),
  );
}
