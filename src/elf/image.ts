/** What every table reader of one file shares: where bytes come from, how they are laid out, how errors are placed. */
import type { Fault } from "../bytes/cursor.ts";
import { type ByteSource, readInto } from "../bytes/source.ts";
import { ElfError, type ElfErrorCode } from "../errors.ts";
import type { Decompressors } from "./decompressors.ts";
import type { ElfHeader } from "./header.ts";
import { placeIn } from "./place.ts";

/** One file's source, layout and error places. Readers take it instead of the whole file. */
export class ElfImage {
  readonly source: ByteSource;
  readonly header: ElfHeader;
  readonly decompressors: Decompressors;
  /** Addresses and sizes take 64 bits: `ELFCLASS64`. */
  readonly is64: boolean;
  /** Low byte first: `ELFDATA2LSB`. */
  readonly little: boolean;
  /** `e_machine`. */
  readonly machine: number;

  constructor(source: ByteSource, header: ElfHeader, decompressors: Decompressors) {
    this.source = source;
    this.header = header;
    this.decompressors = decompressors;
    this.is64 = header.is64;
    this.little = header.little;
    this.machine = header.machine;
  }

  /** `length` bytes at file offset `offset`; a failure names `what` is being read. */
  read(offset: number, length: number, what: string): Uint8Array {
    this.check(offset, length, what);
    return this.source.read(offset, length);
  }

  /** As {@link read}, into memory of the caller's. */
  readInto(offset: number, target: Uint8Array, what: string): void {
    this.check(offset, target.length, what);
    readInto(this.source, offset, target);
  }

  /** Throws as {@link read} does where it would. */
  check(offset: number, length: number, what: string): void {
    const { size } = this.source;
    if (offset + length <= size) return;
    throw new ElfError(
      "ELF_TRUNCATED",
      placeIn(this.source.name, what),
      `found a file of ${size} bytes, expected ${length} bytes at offset ${offset}`,
    );
  }

  /** An error at `offset` inside the part of the file called `part`. */
  error(code: ElfErrorCode, part: string | undefined, offset: number | undefined, what: string): ElfError {
    return new ElfError(code, placeIn(this.source.name, part, offset), what);
  }

  /** For a cursor over the part of the file called `part`: its out-of-bounds reads become `ELF_TRUNCATED`. */
  fault(part: string): Fault {
    return (offset, what) => this.error("ELF_TRUNCATED", part, offset, what);
  }
}
