/** Where bytes come from. A source knows its size and gives out pieces; what reads it decides how little to ask for. */
import { ElfError } from "../errors.ts";

/**
 * Random access to bytes of a known size. A file, a buffer, an archive member or the memory of a process may be one.
 */
export interface ByteSource {
  /** How messages call it, usually a path. */
  readonly name: string | undefined;
  /** Bytes that can be read: offsets 0 to `size - 1`. */
  readonly size: number;
  /**
   * `length` bytes from `offset`. The view belongs to the source: it must not be written to, and is valid until the
   * source is closed.
   *
   * @throws ElfError `ELF_TRUNCATED` if the range is not inside the source
   */
  read(offset: number, length: number): Uint8Array;
  /**
   * Fills `target` with the bytes from `offset`: for what is not kept. A source has it that would take memory for
   * {@link read}; see {@link readInto}.
   */
  readInto?(offset: number, target: Uint8Array): void;
}

/** Fills `target` with the bytes of `source` from `offset`. @throws ElfError `ELF_TRUNCATED` as {@link ByteSource.read} does */
export function readInto(source: ByteSource, offset: number, target: Uint8Array): void {
  if (source.readInto === undefined) target.set(source.read(offset, target.length));
  else source.readInto(offset, target);
}

/** Throws `ELF_TRUNCATED` unless `length` bytes from `offset` lie inside a source of `size` bytes. */
export function checkRange(name: string | undefined, size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length) && offset + length <= size) return;
  const place = { ...(name === undefined ? {} : { file: name }), offset };
  throw new ElfError(
    "ELF_TRUNCATED",
    place,
    `reading past the end: found ${size} bytes in all, expected ${length} more from here`,
  );
}

/** A source over bytes already in memory. Reads are views, nothing is copied; the caller must leave the bytes alone. */
export function bufferSource(bytes: Uint8Array, name?: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** Part of another source, as an archive member is part of its archive. Offsets count from the part's own start. */
export function sliceSource(source: ByteSource, offset: number, size: number, name?: string): ByteSource {
  checkRange(source.name, source.size, offset, size);
  const label = name ?? source.name;
  return {
    name: label,
    size,
    read(at, length) {
      checkRange(label, size, at, length);
      return source.read(offset + at, length);
    },
  };
}

/** A source that records what is asked of it, to show what an operation costs. */
export interface CountingSource extends ByteSource {
  /** Every read so far, in order. */
  readonly reads: readonly { readonly offset: number; readonly length: number }[];
  /** Sum of the lengths of all reads. */
  readonly bytesRead: number;
}

/** Wraps `source` so that its reads can be counted. */
export function countingSource(source: ByteSource): CountingSource {
  const reads: { offset: number; length: number }[] = [];
  return {
    name: source.name,
    size: source.size,
    reads,
    get bytesRead() {
      return reads.reduce((sum, one) => sum + one.length, 0);
    },
    read(offset, length) {
      reads.push({ offset, length });
      return source.read(offset, length);
    },
  };
}
