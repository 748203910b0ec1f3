/** Where a loader reads a module from: forward only, from where the source stands. */
import type { ByteSource } from "../bytes/source.ts";

/** A module's bytes, one after the other. A loader takes what it needs, and skips what it does not. */
export interface ModuleStream {
  /** How messages call it. */
  readonly name: string | undefined;
  /**
   * The next `length` bytes, or as many as there are before the end. They belong to the stream and must not be
   * written to. Memory is taken for bytes that exist, not for those that were asked for.
   */
  take(length: number): Uint8Array;
  /** Passes over `length` bytes, which may be more than there are. @returns whether that was possible */
  skip(length: number): boolean;
}

/** Bytes of a source, from `offset` on. Nothing is copied. */
export function sourceStream(source: ByteSource, offset = 0): ModuleStream {
  let position = offset;
  return {
    name: source.name,
    take(length) {
      const taken = Math.max(0, Math.min(length, source.size - position));
      const bytes = taken === 0 ? new Uint8Array(0) : source.read(position, taken);
      position += taken;
      return bytes;
    },
    skip(length) {
      position += length;
      return true;
    },
  };
}

/** `read` of dynld(10.2): puts up to `length` bytes into `buffer`. @returns how many, 0 at the end, -1 for an error */
export type ReadCallback<F> = (file: F, buffer: Uint8Array, length: number) => number;

/**
 * `seek` of dynld(10.2): moves to `offset` from the start (`type` 0), from here (1) or from the end (2).
 * @returns where that is from the start, or -1
 */
export type SeekCallback<F> = (file: F, offset: number, type: 0 | 1 | 2) => number;

/** Most bytes that `read` is asked for at once. */
const PIECE = 1 << 16;

/** Bytes that a program's own `read` and `seek` give. */
export function callbackStream<F>(
  file: F,
  read: ReadCallback<F>,
  seek: SeekCallback<F>,
  name?: string,
): ModuleStream {
  return {
    name,
    take(length) {
      const pieces: Uint8Array[] = [];
      let taken = 0;
      while (taken < length) {
        const piece = new Uint8Array(Math.min(PIECE, length - taken));
        const got = read(file, piece, piece.length);
        // What is no count of bytes in the buffer is an error of the callback, and ends the file as -1 does.
        if (!(Number.isInteger(got) && got > 0 && got <= piece.length)) break;
        pieces.push(got === piece.length ? piece : piece.subarray(0, got));
        taken += got;
      }
      return joined(pieces, taken);
    },
    skip(length) {
      return length === 0 || seek(file, length, 1) >= 0;
    },
  };
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A stream whose first bytes were taken already, given back to it. */
export function withPrefix(prefix: Uint8Array, stream: ModuleStream): ModuleStream {
  let pending = prefix;
  return {
    name: stream.name,
    take(length) {
      if (pending.length === 0) return stream.take(length);
      const pieces = [pending.subarray(0, length)];
      pending = pending.subarray(length);
      const rest = length - (pieces[0]?.length ?? 0);
      if (rest > 0) pieces.push(stream.take(rest));
      return joined(
        pieces,
        pieces.reduce((sum, piece) => sum + piece.length, 0),
      );
    },
    skip(length) {
      const inside = Math.min(length, pending.length);
      pending = pending.subarray(inside);
      return inside === length || stream.skip(length - inside);
    },
  };
}
