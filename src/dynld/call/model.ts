/** How views, arrays and callables know each other: what values in memory are to JavaScript. */
import type { NativeFunction, NativeSignature } from "../../host/typed.ts";
import type { CFunction, CRecord, CType } from "../ctype.ts";
import type { Memory } from "./memory.ts";

/** How values of a type are read and written. */
export interface Access {
  /** Bytes; 0 of what has no size. */
  readonly size: number;
  /** @throws DynldError DYNLD_UNSUPPORTED of types that JavaScript has nothing for */
  read(memory: Memory, offset: number): unknown;
  /** As {@link read}, but follows no pointer: these are addresses, or `null`; structures are plain objects. */
  plain(memory: Memory, offset: number): unknown;
  /**
   * Checks a value, then writes it.
   * @param where for the message: `struct point: .x`
   * @throws ArgumentError, with the memory as it was
   */
  write(memory: Memory, offset: number, value: unknown, where: string): void;
}

/** A member: one of a nameless structure or of a base class is a member of what that is in. */
export interface Field {
  readonly type: CType;
  readonly access: Access;
  /** Bytes from the start; of a bit-field 0, which knows where it is. */
  readonly offset: number;
  readonly isBitField: boolean;
  readonly isReadOnly: boolean;
}

/** The members of a structure. */
export interface RecordFields {
  /** As C declares it. */
  readonly name: string;
  readonly record: CRecord;
  readonly fields: ReadonlyMap<string, Field>;
}

/** How native code calls JavaScript functions of one type. */
export interface CallbackForm {
  readonly signature: NativeSignature;
  /** What native code calls: it converts the arguments and the result. The same function gives the same one. */
  wrap(action: (...args: never[]) => unknown): NativeFunction;
}

/** Makes values of addresses and of memory, by type. */
export interface ValueModel {
  /** @param isReadOnly whether the value is const for being in something that is */
  access(type: CType, isReadOnly: boolean): Access;
  /** What is known of views of a complete structure. */
  layout(type: CRecord): RecordFields;
  /** A view of a complete structure in memory. */
  record(type: CRecord, memory: Memory, isReadOnly: boolean): object;
  /** What a function at an address is. */
  callable(type: CFunction, address: bigint): unknown;
  /** @throws DynldError DYNLD_UNSUPPORTED of a function that can't be one of JavaScript's */
  callback(type: CFunction): CallbackForm;
}
