/** ELF files and archives on disk: read a piece at a time, and through whole-file compression. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { gunzipSync, inflateSync } from "node:zlib";
import { type ByteSource, bufferSource, checkRange } from "../bytes/source.ts";
import { decodeZstdWhole, isZstd } from "../bytes/zstd.ts";
import { Archive } from "../elf/archive.ts";
import { type Decompressors, PURE_DECOMPRESSORS } from "../elf/decompressors.ts";
import { ElfFile } from "../elf/file.ts";
import { ElfError, HostError } from "../errors.ts";
import type { ReadBuffers } from "./read-buffers.ts";
import { decodeXz, isXz } from "./xz.ts";

/** Largest file that whole-file decompression may make, unless the caller says otherwise: 2 GiB. */
const DEFAULT_LIMIT = 2 ** 31;

/** Bytes at the beginning of a file that are read at once. */
const HEAD = 1024;

/** A file in memory as it is on disk. */
export interface FileMap {
  /** Valid until the process ends. */
  readonly bytes: Uint8Array;
  /** Whether the file became shorter meanwhile: what was behind its end is zeros then. */
  readonly isCut: () => boolean;
}

/** Maps files; `undefined` for those that are better read. */
export type FileMapper = (path: string, descriptor: number, size: number) => FileMap | undefined;

let mapper: FileMapper | undefined;

/** Has the files that are opened from here on mapped: see file-mapping.ts, which needs the FFI library. */
export function useFileMapper(its: FileMapper): void {
  mapper = its;
}

/** A file on disk. Nothing is read until it is asked for; each read is one `pread`, or a view if the file is mapped. */
export class FileSource implements ByteSource {
  readonly name: string;
  /** Size when the file was opened. */
  readonly size: number;
  #descriptor: number | undefined;
  readonly #buffers: ReadBuffers | undefined;
  readonly #map: FileMap | undefined;
  #head: Uint8Array | undefined;
  readonly #lent: Uint8Array<ArrayBuffer>[] = [];

  private constructor(path: string, descriptor: number, size: number, buffers: ReadBuffers | undefined) {
    this.name = path;
    this.size = size;
    this.#descriptor = descriptor;
    this.#buffers = buffers;
    this.#map = mapper?.(path, descriptor, size);
  }

  /**
   * Opens a regular file; the caller closes it.
   *
   * @throws HostError `HOST_SYSCALL` if the file can't be opened, `HOST_UNSUPPORTED` if it is not a regular file
   */
  static open(path: string, buffers?: ReadBuffers): FileSource {
    // Opening a pipe would wait for who writes to it.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    const descriptor = syscall("open", path, () => openSync(path, flags));
    try {
      const stat = fstatSync(descriptor);
      if (!stat.isFile())
        throw new HostError("HOST_UNSUPPORTED", "open", `${path}: found no regular file, expected one`);
      return new FileSource(path, descriptor, stat.size, buffers);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** See {@link ByteSource.read}. */
  read(offset: number, length: number): Uint8Array {
    checkRange(this.name, this.size, offset, length);
    const { descriptor } = this;
    if (this.#map !== undefined) {
      if (this.#map.isCut()) this.#failShort(offset, length);
      return this.#map.bytes.subarray(offset, offset + length);
    }
    // Magic numbers and headers are looked at one after the other.
    if (offset + length > HEAD) return this.#readAt(descriptor, offset, length);
    this.#head ??= this.#readAt(descriptor, 0, Math.min(HEAD, this.size));
    return this.#head.subarray(offset, offset + length);
  }

  /** See {@link ByteSource.readInto}. */
  readInto(offset: number, target: Uint8Array): void {
    if (this.#map !== undefined) target.set(this.read(offset, target.length));
    else {
      checkRange(this.name, this.size, offset, target.length);
      this.#fill(this.descriptor, offset, target);
    }
  }

  /** The open file. It is closed with this. @throws HostError once closed */
  get descriptor(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    throw new HostError("HOST_SYSCALL", "read", `${this.name}: found a closed file, expected an open one`);
  }

  #readAt(descriptor: number, offset: number, length: number): Uint8Array {
    const bytes = this.#buffers?.take(length) ?? new Uint8Array(length);
    if (this.#buffers !== undefined) this.#lent.push(bytes);
    this.#fill(descriptor, offset, bytes);
    return bytes;
  }

  #fill(descriptor: number, offset: number, bytes: Uint8Array): void {
    const { length } = bytes;
    for (let done = 0; done < length; ) {
      const count = syscall("read", this.name, () =>
        readSync(descriptor, bytes, done, length - done, offset + done),
      );
      if (count === 0) this.#failShort(offset + done, length - done);
      done += count;
    }
  }

  #failShort(offset: number, length: number): never {
    const place = { file: this.name, offset };
    throw new ElfError("ELF_TRUNCATED", place, `the file shrank: expected ${length} bytes more from here`);
  }

  /** Closes the file. Closing twice is harmless. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
    this.#buffers?.give(this.#lent.splice(0));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** How to open a path. */
export interface OpenPathOptions {
  /** Bytes that decompressing the file, or one of its sections, may make; 2 GiB by default. */
  readonly limit?: number;
  /** What is read into buffers of these, so that views of the file are valid only until it is closed. */
  readonly buffers?: ReadBuffers;
}

/** Something opened that holds a file descriptor. */
export interface Opened extends Disposable {
  /** What the bytes come from: the file, or its decompressed contents. */
  readonly source: ByteSource;
  /** How the whole file was compressed. */
  readonly compression: "gzip" | "xz" | "zstd" | undefined;
  /** Closes the file; views of its bytes that were not read yet can't be read any more. Twice is harmless. */
  close(): void;
}

/** An opened ELF file. */
export interface OpenedElf extends Opened {
  readonly elf: ElfFile;
}

/** An opened archive. */
export interface OpenedArchive extends Opened {
  readonly archive: Archive;
}

/**
 * Opens the bytes of a file, decompressed if the whole file is gzip, xz or Zstandard data (as kernel modules are), and
 * otherwise lazily.
 *
 * @throws HostError if the file can't be read, ElfError `ELF_BAD_COMPRESSION` if it can't be decompressed
 */
export function openSource(path: string, options: OpenPathOptions = {}): Opened {
  const file = FileSource.open(path, options.buffers);
  try {
    const compression = wholeFileCompression(file.read(0, Math.min(6, file.size)));
    if (compression === undefined) return opened(file, undefined, () => file.close());
    const bytes = decompressFile(file, compression, options.limit ?? DEFAULT_LIMIT);
    file.close();
    return opened(bufferSource(bytes, path), compression, () => {});
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Opens an ELF file by path. Of a file that is not compressed only the headers are read; sections follow at first need.
 *
 * @throws HostError if the file can't be read, ElfError if it is no ELF file or can't be decompressed
 */
export function openElf(path: string, options: OpenPathOptions = {}): OpenedElf {
  const from = openSource(path, options);
  try {
    const elf = ElfFile.open(from.source, { decompressors: hostDecompressors(options.limit) });
    return { ...from, elf };
  } catch (error) {
    from.close();
    throw error;
  }
}

/**
 * Opens an `ar` archive by path. Members of a thin archive are opened relative to its directory, and closed with it.
 *
 * @throws HostError if the file can't be read, ElfError if it is no archive or can't be decompressed
 */
export function openArchive(path: string, options: OpenPathOptions = {}): OpenedArchive {
  const from = openSource(path, options);
  const members: Opened[] = [];
  const close = () => {
    for (const member of members.splice(0)) member.close();
    from.close();
  };
  try {
    const archive = Archive.open(from.source, {
      resolve: (member) => {
        const file = openSource(resolve(dirname(path), member), options);
        members.push(file);
        return file.source;
      },
    });
    return { ...from, archive, close, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Decompressors of sections that use Node's own zlib. */
export function hostDecompressors(limit = DEFAULT_LIMIT): Decompressors {
  return {
    ...PURE_DECOMPRESSORS,
    limit,
    zlib: (input, size) => inflateSync(input, { maxOutputLength: size + 1 }),
  };
}

function opened(source: ByteSource, compression: Opened["compression"], close: () => void): Opened {
  return { source, compression, close, [Symbol.dispose]: close };
}

function wholeFileCompression(start: Uint8Array): "gzip" | "xz" | "zstd" | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  if (isXz(start)) return "xz";
  return isZstd(start) ? "zstd" : undefined;
}

function decompressFile(file: FileSource, compression: "gzip" | "xz" | "zstd", limit: number): Uint8Array {
  const input = file.read(0, file.size);
  try {
    if (compression === "gzip") return gunzipSync(input, { maxOutputLength: limit });
    return compression === "xz" ? decodeXz(input, limit) : decodeZstdWhole(input, limit);
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ElfError("ELF_BAD_COMPRESSION", { file: file.name, offset: 0 }, `${compression} data: ${why}`, {
      cause,
    });
  }
}

function syscall<T>(call: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const errno = cause instanceof Error && "errno" in cause ? Math.abs(Number(cause.errno)) : undefined;
    throw new HostError(
      "HOST_SYSCALL",
      call,
      cause instanceof Error ? cause.message : `${path}: ${String(cause)}`,
      errno,
    );
  }
}
