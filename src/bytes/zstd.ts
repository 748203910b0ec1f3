/**
 * Zstandard [RFC 8878], decoded by the format's own C library, which the package `zstddec` holds as WebAssembly. It
 * writes into a buffer of a given size, so time and memory are bounded, and it checks checksums. It starts when it is first
 * used.
 */
import { ZSTDDecoder } from "zstddec";
import { readU32 } from "./endian.ts";

const MAGIC = 0xfd2fb528;
/** A block of 4 bytes gives at most 128 KiB [RFC 8878, 3.1.1.2.4]. */
const MOST_PER_BYTE = 2 ** 15;
/** Bytes of input and output together that the decoder's own memory, of 2 GiB, surely has room for. */
const ROOM = 2 ** 30;

/** What is used of the C library [zstd.h], and of the one that it was compiled with. Addresses are in its memory. */
interface Library {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(size: number): number;
  free(address: number): void;
  ZSTD_decompress(to: number, room: number, from: number, size: number): number;
  ZSTD_isError(result: number): number;
}

/** What is used of WebAssembly, whose types only those of browsers declare. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Library };
}

/** Decompresses at most `room` bytes; `undefined` if there are more or the data is malformed. */
type Decode = (input: Uint8Array, room: number) => Uint8Array | undefined;

/** What decodes, or why nothing does: a page may forbid WebAssembly, and everything else must work there. */
let started: Decode | Error | undefined;

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

function decode(input: Uint8Array, room: number): Uint8Array | undefined {
  started ??= start();
  if (started instanceof Error) throw started;
  if (input.length + room > ROOM) {
    throw new Error(`zstd: found ${input.length} bytes that make ${room}, expected at most ${ROOM} together`);
  }
  return room > input.length * MOST_PER_BYTE ? undefined : started(input, room);
}

function start(): Decode | Error {
  const { WebAssembly: wasm } = globalThis as { readonly WebAssembly?: Wasm };
  try {
    if (wasm === undefined) throw new Error("there is no WebAssembly");
    const decoder = new ZSTDDecoder();
    const module = moduleOf(decoder);
    // A program that uses the package itself started it, and has waited for it.
    if (module === undefined) return (input, room) => decodeBy(decoder, input, room);
    // Nothing is to be done when its memory grows: the buffer is asked for each time.
    const imports = { env: { emscripten_notify_memory_growth: () => {} } };
    const { exports } = new wasm.Instance(new wasm.Module(module), imports);
    return (input, room) => decodeIn(exports, input, room);
  } catch (cause) {
    return new Error(`zstd: the WebAssembly decoder did not start: ${String(cause)}`, { cause });
  }
}

/**
 * The package gives its module to `fetch`, as text, and starts it by promises, which nobody here can wait for. So for the
 * moment of the call, in which nothing else runs, `fetch` is what looks at it, and gives the package what it expects.
 *
 * @returns `undefined` if it was started before
 */
function moduleOf(decoder: ZSTDDecoder): Uint8Array | undefined {
  let module: Uint8Array | undefined;
  const look = (url: string) => {
    const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
    module = bytes;
    return Promise.resolve({ arrayBuffer: () => bytes.buffer });
  };
  const fetch = Object.getOwnPropertyDescriptor(globalThis, "fetch");
  Object.defineProperty(globalThis, "fetch", { value: look, configurable: true });
  try {
    // What becomes of the package's own copy is told to those who start that.
    decoder.init().catch(() => {});
  } finally {
    Reflect.deleteProperty(globalThis, "fetch");
    if (fetch !== undefined) Object.defineProperty(globalThis, "fetch", fetch);
  }
  return module;
}

function decodeIn(library: Library, input: Uint8Array, room: number): Uint8Array | undefined {
  const from = library.malloc(input.length);
  const to = library.malloc(room);
  try {
    if (from === 0 || to === 0) {
      throw new Error(`zstd: found no memory for ${input.length} bytes and the ${room} that they make`);
    }
    new Uint8Array(library.memory.buffer).set(input, from);
    const size = library.ZSTD_decompress(to, room, from, input.length);
    if (library.ZSTD_isError(size) !== 0) return undefined;
    return new Uint8Array(library.memory.buffer).slice(to, to + size);
  } finally {
    library.free(to);
    library.free(from);
  }
}

/** The package gives nothing for an error, and chooses a room itself instead of 0. */
function decodeBy(decoder: ZSTDDecoder, input: Uint8Array, room: number): Uint8Array | undefined {
  const output = decoder.decode(input, Math.max(room, 1));
  return output.length > room ? undefined : output;
}
