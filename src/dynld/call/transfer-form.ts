/** How a value goes into native code and comes out of it: what transfers of all kinds of types are made of. */
import type { NativeShape } from "../../host/typed.ts";
import type { Convert } from "./numbers.ts";

/** How a value goes in. Without `test` and `accepts`, all values are converted. */
export interface Outgoing {
  readonly shape: NativeShape;
  /** Code that is true of a value that can go as it is; `$` stands for it. */
  readonly test?: string;
  /** A class whose objects can go as they are. */
  readonly accepts?: abstract new (
    ...args: never[]
  ) => object;
  readonly convert: Convert;
}

/** How a value comes out. */
export interface Incoming {
  readonly shape: NativeShape;
  /**
   * `wide`: the number or bigint that stands for 64 bits becomes a bigint. `through memory`: native code writes it to where
   * its first argument says, and `convert` is given that memory.
   */
  readonly form: "as it is" | "wide" | "converted" | "through memory";
  /** Of what goes through memory: bytes. */
  readonly size?: number;
  readonly convert: (raw: unknown) => unknown;
}

/** How long native code may use what a value leads to: for a call's duration, or longer than anyone knows. */
export type Lifetime = "call" | "unknown";
