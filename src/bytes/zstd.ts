/**
 * Zstandard [RFC 8878], decoded by the format's own C library, which the package `zstddec` holds as WebAssembly. It
 * writes into a buffer of a given size, so time and memory are bounded, and it checks checksums.
 *
 * Starting it is asynchronous, so that this module, alone here, awaits at its top level; then it can be used at once.
 */
import { ZSTDDecoder } from "zstddec";
import { readU32 } from "./endian.ts";

const MAGIC = 0xfd2fb528;
/** A block of 4 bytes gives at most 128 KiB [RFC 8878, 3.1.1.2.4]. */
const MOST_PER_BYTE = 2 ** 15;
/** Bytes of input and output together that the decoder's own memory, of 2 GiB, surely has room for. */
const ROOM = 2 ** 30;

const decoder = new ZSTDDecoder();
const failure = await start();

/** Whether `bytes` begin as a Zstandard frame does. */
export function isZstd(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && readU32(bytes, 0, true) === MAGIC;
}

/**
 * Decompresses all frames of `input`, which make `size` bytes. Dictionaries are not supported.
 *
 * @throws Error if they make more, or less, or the data is malformed; the decoder does not tell which
 */
export function decodeZstd(input: Uint8Array, size: number): Uint8Array {
  const output = decode(input, size);
  if (output?.length === size) return output;
  throw new Error(`zstd: found no complete, undamaged frames of ${size} decompressed bytes`);
}

/**
 * Decompresses all frames of `input`, whose size is not known.
 *
 * @param limit bytes of output to accept
 * @throws Error if there are more, or none, or the data is malformed; the decoder does not tell which
 */
export function decodeZstdWhole(input: Uint8Array, limit: number): Uint8Array {
  const most = Math.max(0, Math.min(limit, input.length * MOST_PER_BYTE, ROOM - input.length));
  for (let room = Math.min(most, input.length * 8); ; room = Math.min(most, room * 8)) {
    const output = decode(input, room);
    if (output !== undefined && output.length > 0) return output;
    if (room >= most) {
      throw new Error(`zstd: found no complete, undamaged frames of 1 to ${most} decompressed bytes`);
    }
  }
}

/** Decompresses at most `room` bytes; `undefined`, or nothing, if there are more or the data is malformed. */
function decode(input: Uint8Array, room: number): Uint8Array | undefined {
  if (failure !== undefined) throw failure;
  if (input.length + room > ROOM) {
    throw new Error(`zstd: found ${input.length} bytes that make ${room}, expected at most ${ROOM} together`);
  }
  if (room > input.length * MOST_PER_BYTE) return undefined;
  // The decoder gives nothing for an error. A room of 0 means to it that it should choose one.
  const output = decoder.decode(input, Math.max(room, 1));
  return output.length > room ? undefined : output;
}

/** Why the decoder does not run: a page may forbid WebAssembly, and everything else must work there. */
async function start(): Promise<Error | undefined> {
  try {
    await initialize();
    return undefined;
  } catch (cause) {
    return new Error(`zstd: the WebAssembly decoder did not start: ${String(cause)}`, { cause });
  }
}

/**
 * The package decodes its base64 with `fetch` where there is one, and with `Buffer` otherwise. In Node the first takes
 * ten times as long, as it loads an HTTP client, which ends the process where address space is limited. So `fetch` is out
 * of sight for the moment of the choice, in which nothing else runs.
 */
function initialize(): Promise<void> {
  const fetch = Object.getOwnPropertyDescriptor(globalThis, "fetch");
  if (fetch?.configurable !== true || !("Buffer" in globalThis)) return decoder.init();
  Reflect.deleteProperty(globalThis, "fetch");
  try {
    return decoder.init();
  } finally {
    Object.defineProperty(globalThis, "fetch", fetch);
  }
}
