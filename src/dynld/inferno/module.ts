/** Inferno modules: read once, relocated to as many places as wanted. [dynld(10.2), a.out(10.6)] */
import { readU32 } from "../../bytes/endian.ts";
import { type ByteSource, bufferSource } from "../../bytes/source.ts";
import { DynldError } from "../../errors.ts";
import type { LoadRequest } from "../dynobj.ts";
import { checkSorted, type Dynsym } from "../dynsym.ts";
import { type ModuleStream, sourceStream } from "../stream.ts";
import { type InfernoImport, type InfernoRelocations, readDynamic } from "./dynamic.ts";
import { ERRSTR, infernoError, placeOf } from "./errstr.ts";
import { readExports } from "./exports.ts";
import { type InfernoHeader, imageSize, readHeader } from "./header.ts";
import { InfernoImage } from "./image.ts";
import { resolveImports } from "./imports.ts";
import type { InfernoMachine } from "./machine.ts";
import { importOf } from "./relocate.ts";
import { applyAll, checkAll, type RelocationTrace } from "./relocations.ts";

/** Where a module's image is placed when nobody says: any place does, but at 0 an export could have the address nil. */
export const DEFAULT_BASE = 0x1000_0000n;
/** Larger images and relocation data, in bytes, need a `maxsize` that allows them. */
const DEFAULT_LIMIT = 2 ** 28;

/** How a module is opened. */
export interface InfernoOpenOptions {
  /** Its text, data and bss together must be below this many bytes; 0 is no limit but the one of 256 MiB. */
  readonly maxsize?: number;
  /** Offset of the module in what it is opened from. */
  readonly offset?: number;
  /**
   * Leaves what is wrong with imports and relocations to `relocate`, which tells it in the order of Inferno's loader:
   * of a module with several faults, the same one.
   */
  readonly deferFaults?: boolean;
}

/** How a module is relocated. */
export interface InfernoRelocateOptions extends Omit<LoadRequest, "maxsize"> {
  /** Filled with the words before and after each relocation. */
  readonly trace?: RelocationTrace;
}

/** What a relocation adds: the base of the image, or the address of an import. */
export interface RelocationTarget {
  /** Name of the import; `undefined` for the base. */
  readonly symbol: string | undefined;
  /** What is added to that: an image offset, or one in what is imported. */
  readonly addend: number;
}

/** A module as its file has it. Nothing in it changes: `relocate` makes images. */
export class InfernoModule {
  /** How messages call it. */
  readonly name: string | undefined;
  readonly machine: InfernoMachine;
  readonly header: InfernoHeader;
  /** Text and data as they are in the file. They must not be written to. */
  readonly contents: Uint8Array;
  /** Bytes of text, data and bss together. */
  readonly size: number;
  readonly imports: readonly InfernoImport[];
  readonly relocations: InfernoRelocations;
  /** What stopped the reading of the dynamic section; only modules on their way to an image have one. */
  readonly #fault: DynldError | undefined;

  private constructor(stream: ModuleStream, maxsize: number) {
    const { header, machine } = readHeader(stream);
    this.name = stream.name;
    this.machine = machine;
    this.header = header;
    this.size = imageSize(header);
    checkLimit(stream.name, this.size, maxsize);
    this.contents = takeContents(stream, header);
    const bytes = takeDynamic(stream, header, Math.max(maxsize, DEFAULT_LIMIT));
    const dynamic = readDynamic(bytes, machine, stream.name);
    this.imports = dynamic.imports;
    this.relocations = dynamic.relocations;
    this.#fault = dynamic.fault;
  }

  /**
   * Reads a module, and unless `deferFaults` says otherwise checks that all its relocations can be applied.
   *
   * @param from its bytes, which must not change afterwards, or where they are
   * @throws DynldError if it is not a sound module; `errstr` has the words of Inferno's loader
   */
  static open(from: Uint8Array | ByteSource, options: InfernoOpenOptions = {}): InfernoModule {
    const source = from instanceof Uint8Array ? bufferSource(from) : from;
    const stream = sourceStream(source, options.offset ?? 0);
    const module = new InfernoModule(stream, options.maxsize ?? 0);
    if (options.deferFaults !== true) {
      if (module.#fault !== undefined) throw module.#fault;
      checkAll(module);
    }
    return module;
  }

  /**
   * Reads a module and relocates it at once, in the order of Inferno's loader: of several faults it tells the same one.
   *
   * @throws DynldError as {@link open} and {@link relocate} do
   */
  static load(stream: ModuleStream, request: LoadRequest): InfernoImage {
    return new InfernoModule(stream, request.maxsize ?? 0).relocate(request);
  }

  /** What the module exports, with addresses relative to its start, as if it were loaded at 0. */
  exports(): Dynsym[] {
    return this.#exportsOf(this.contents, 0);
  }

  /** The word at an image offset as the file has it, in the machine's byte order; 0 in bss and outside. */
  wordAt(at: number): number {
    return readU32(this.contents, at, this.machine.little);
  }

  /** What relocation `index` adds, by the words that the file has at its place. */
  relocationTarget(index: number): RelocationTarget {
    const { style } = this.machine;
    const at = this.relocations.positions[index] ?? 0;
    const mode = this.relocations.modes[index] ?? 0;
    const w = this.wordAt(at);
    const w2 = this.wordAt(at + 4);
    const used = style === undefined ? undefined : importOf(style, mode, w, w2);
    if (used === undefined) {
      const addend = mode === 0 ? w : (((w & 0xffff) << 16) | (w2 & 0xffff)) >>> 0;
      return { symbol: undefined, addend };
    }
    return { symbol: this.imports[used.index]?.name, addend: used.addend };
  }

  /**
   * An image of the module at `base`, {@link DEFAULT_BASE} when left out, whose imports are those of the table. The
   * module stays as it is.
   *
   * @throws DynldError if an import is not in the table or has another type, a relocation can't be applied, or the
   * image does not fit below 4 GiB
   */
  relocate(options: InfernoRelocateOptions): InfernoImage {
    const base = this.#checkBase(options.base ?? DEFAULT_BASE);
    checkSorted(options.exports, "table of symbols to import");
    const { entries, addresses } = resolveImports(this.imports, options.exports, options, this.name);
    const bytes = allocate(this.name, this.size);
    bytes.set(this.contents);
    const unreachable = applyAll(this, bytes, base, addresses, options.trace);
    if (this.#fault !== undefined) throw this.#fault;
    return new InfernoImage({
      name: this.name,
      machine: this.machine,
      header: this.header,
      bytes,
      base: BigInt(base),
      exports: this.#exportsOf(bytes, base),
      imports: entries,
      unreachable,
    });
  }

  #exportsOf(bytes: Uint8Array, base: number): Dynsym[] {
    const { little } = this.machine;
    return readExports({ bytes, size: this.size, base, little }, this.header.entry, this.name);
  }

  #checkBase(base: bigint): number {
    if (base < 0n || base + BigInt(this.size) > 1n << 32n || base % BigInt(this.machine.unit) !== 0n) {
      const expected = `a multiple of ${this.machine.unit} with 0x${this.size.toString(16)} bytes below 4 GiB`;
      const place = this.name === undefined ? {} : { file: this.name };
      throw new DynldError(
        "DYNLD_BAD_ARGUMENT",
        place,
        `base: found 0x${base.toString(16)}, expected ${expected}`,
      );
    }
    return Number(base);
  }
}

/** @throws DynldError `DYNLD_TOO_BIG` or `DYNLD_NO_MEMORY`, before memory is taken */
function checkLimit(file: string | undefined, size: number, maxsize: number): void {
  const place = placeOf(file, "header", 4);
  const found = `found text, data and bss of ${size} bytes`;
  if (maxsize !== 0 && size >= maxsize) {
    const errstr = `${size}: object too big`;
    throw infernoError("DYNLD_TOO_BIG", place, errstr, `${found}, expected fewer than ${maxsize}`);
  }
  if (maxsize === 0 && size > DEFAULT_LIMIT) {
    const what = `${found}, expected at most ${DEFAULT_LIMIT} or a maxsize`;
    throw infernoError("DYNLD_NO_MEMORY", place, ERRSTR.noImage, what);
  }
}

function takeContents(stream: ModuleStream, header: InfernoHeader): Uint8Array {
  const expected = header.text + header.data;
  const bytes = stream.take(expected);
  if (bytes.length === expected) return bytes;
  const what = `found ${bytes.length} bytes, expected text and data of ${expected}`;
  throw infernoError("DYNLD_TRUNCATED", placeOf(stream.name, "image", bytes.length), ERRSTR.reading, what);
}

/** The dynamic section's bytes behind their length. */
function takeDynamic(stream: ModuleStream, header: InfernoHeader, limit: number): Uint8Array {
  const fail = (offset: number, what: string) =>
    infernoError("DYNLD_TRUNCATED", placeOf(stream.name, "dynamic section", offset), ERRSTR.reading, what);
  const skipped = header.syms + header.spsz + header.pcsz;
  if (!stream.skip(skipped)) throw fail(0, `found no way past ${skipped} bytes of symbols and tables`);
  const length = stream.take(4);
  if (length.length < 4) throw fail(length.length, `found ${length.length} bytes, expected a length of 4`);
  const relsize = readU32(length, 0, false);
  // Inferno's loader has it in an int, where 2^31 and above are negative.
  if (relsize < 4 || relsize > 0x7fffffff)
    throw fail(0, `length: found ${relsize}, expected 4 to 2147483647`);
  const bytes = stream.take(Math.min(relsize, limit + 1));
  if (bytes.length > limit) {
    const what = `length: found ${relsize}, expected at most ${limit} or a larger maxsize`;
    const place = placeOf(stream.name, "dynamic section", 0);
    throw infernoError("DYNLD_NO_MEMORY", place, ERRSTR.noRelocations, what);
  }
  if (bytes.length < relsize) {
    throw fail(4 + bytes.length, `found ${bytes.length} bytes, expected ${relsize} as its length says`);
  }
  return bytes;
}

/** Zeros: bss is part of the image. */
function allocate(file: string | undefined, size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    const place = placeOf(file, "header", 4);
    throw infernoError("DYNLD_NO_MEMORY", place, ERRSTR.noImage, `expected ${size} bytes`, { cause });
  }
}
