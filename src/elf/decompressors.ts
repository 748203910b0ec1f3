/** What decompresses sections, and how a host gives faster ways. */
import { decodeZlib } from "../bytes/zlib.ts";
import { decodeZstd } from "../bytes/zstd.ts";

/**
 * Decompresses `input`, which is expected to give `size` bytes, and throws if it can't; must not allocate much more
 * than `size`. Another size than expected is for the caller to refuse. The error's message goes into the
 * `ELF_BAD_COMPRESSION` that is thrown for it.
 */
export type Decompress = (input: Uint8Array, size: number) => Uint8Array;

/** What decompresses sections. The pure defaults run anywhere; a host may give faster ones. */
export interface Decompressors {
  /** A zlib stream, `ELFCOMPRESS_ZLIB` [RFC 1950]. */
  readonly zlib: Decompress;
  /** A Zstandard frame, `ELFCOMPRESS_ZSTD` [RFC 8878]. */
  readonly zstd: Decompress;
  /** Largest decompressed size to accept, in bytes. */
  readonly limit: number;
}

/**
 * Decompressors of JavaScript and WebAssembly; a section may grow to 2 GiB with zlib, and with Zstandard to 1 GiB,
 * its compressed bytes included.
 */
export const PURE_DECOMPRESSORS: Decompressors = { zlib: decodeZlib, zstd: decodeZstd, limit: 2 ** 31 };
