/** JavaScript functions as native ones. */
import koffi from "koffi";
import { HostError } from "../errors.ts";
import { type NativeFunction, prototypeOf } from "./ffi.ts";
import { withUnsigned } from "./unsigned-arguments.ts";

/** A JavaScript function that native code may call. */
export interface NativeCallback {
  readonly address: bigint;
  /** Ends it: native code must not call it any more. Ending twice is harmless. */
  release(): void;
}

/**
 * Makes a JavaScript function callable at an address, by C prototype. Only the thread that made it may call it; what it
 * throws is thrown by the call into native code that led to it, and native code gets anything for a result then.
 *
 * @param make gives the function, told what its prototype's 0 is
 * @throws HostError for what is no prototype, or when there are too many callbacks
 */
export function nativeCallback(prototype: string, make: (zero: unknown) => NativeFunction): NativeCallback {
  const declared = prototypeOf(prototype);
  const type = koffi.pointer(declared);
  const isUnsigned = (declared.proto?.arguments ?? []).map(({ primitive }) => primitive === "UInt64");
  let address: bigint | undefined;
  try {
    address = koffi.register(withUnsigned(make(zeroOf(declared.proto?.result.primitive)), isUnsigned), type);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostError("HOST_UNSUPPORTED", "callback", `"${prototype}": ${why}`);
  }
  const registered = address;
  return {
    address: registered,
    release: () => {
      if (address !== undefined) koffi.unregister(registered);
      address = undefined;
    },
  };
}

/** By koffi's names of kinds. */
function zeroOf(kind: string | undefined): unknown {
  if (kind === "Bool") return false;
  if (kind === "Void") return undefined;
  return kind === "Pointer" || kind?.startsWith("String") === true ? null : 0;
}

/** Whether a prototype is one that {@link nativeCallback} takes. @throws HostError for what is none */
export function checkPrototype(prototype: string): void {
  prototypeOf(prototype);
}
