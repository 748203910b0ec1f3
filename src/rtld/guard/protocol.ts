/** What a controlling process and its guard say to each other: values of v8's serialization, each behind its length. */
import { deserialize, serialize } from "node:v8";

/** A call of a method of the target with this process id; of id 0, of the guard itself. */
export interface Request {
  readonly pid: number;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Whether nobody waits for a {@link Response}. */
  readonly isOneWay?: boolean;
}

/** What a call returned or threw. */
export type Response =
  | { readonly value: unknown }
  | {
      readonly error: {
        readonly code: "HOST_SYSCALL" | "HOST_LOADER" | "HOST_UNSUPPORTED";
        readonly call: string;
        readonly what: string;
        readonly errno: number | undefined;
      };
    };

/** Bytes of a length. */
export const HEADER = 4;

/** A value as it is sent. */
export function encode(value: unknown): Buffer {
  const body = serialize(value);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
}

/** Puts together what comes in pieces. */
export class FrameReader {
  #pending = Buffer.alloc(0);

  /** Takes a piece in. @returns the values that are whole now */
  push(piece: Buffer): unknown[] {
    this.#pending = Buffer.concat([this.#pending, piece]);
    const values: unknown[] = [];
    while (this.#pending.length >= HEADER) {
      const end = HEADER + this.#pending.readUInt32LE(0);
      if (this.#pending.length < end) break;
      values.push(deserialize(this.#pending.subarray(HEADER, end)));
      this.#pending = this.#pending.subarray(end);
    }
    return values;
  }
}
