/** Program headers [gABI, "Program Header"]. */
import { readSize64, readU32, readU64 } from "../bytes/endian.ts";
import { PT, segmentTypeName } from "./constants/segment.ts";
import { layoutOf } from "./header.ts";
import type { ElfImage } from "./image.ts";

/** One segment: a range of the file and where it goes in memory. */
export class ElfSegment {
  /** Position in the program header table. */
  readonly index: number;
  /** `p_type`, a `PT_` value. */
  readonly type: number;
  /** `p_flags`, `PF_` bits. */
  readonly flags: number;
  /** `p_offset`: where the segment starts in the file. */
  readonly offset: number;
  /** `p_vaddr`: where it starts in memory, before the load bias. */
  readonly vaddr: bigint;
  readonly paddr: bigint;
  /** `p_filesz`: bytes in the file. */
  readonly filesz: number;
  /** `p_memsz`: bytes in memory; those past `filesz` are zero. */
  readonly memsz: bigint;
  readonly align: number;

  readonly #image: ElfImage;
  #bytes: Uint8Array | undefined;

  constructor(image: ElfImage, table: Uint8Array, at: number, index: number) {
    const { is64, little } = image;
    this.#image = image;
    this.index = index;
    this.type = readU32(table, at, little);
    if (is64) {
      this.flags = readU32(table, at + 4, little);
      this.offset = readSize64(table, at + 8, little);
      this.vaddr = readU64(table, at + 16, little);
      this.paddr = readU64(table, at + 24, little);
      this.filesz = readSize64(table, at + 32, little);
      this.memsz = readU64(table, at + 40, little);
      this.align = readSize64(table, at + 48, little);
    } else {
      this.offset = readU32(table, at + 4, little);
      this.vaddr = BigInt(readU32(table, at + 8, little));
      this.paddr = BigInt(readU32(table, at + 12, little));
      this.filesz = readU32(table, at + 16, little);
      this.memsz = BigInt(readU32(table, at + 20, little));
      this.flags = readU32(table, at + 24, little);
      this.align = readU32(table, at + 28, little);
    }
  }

  /** `PT_LOAD` and so on, with the file's machine's own types. */
  get typeName(): string {
    return segmentTypeName(this.type, this.#image.machine);
  }

  /** How messages call this segment. */
  get label(): string {
    return `segment ${this.index} (${this.typeName})`;
  }

  /**
   * The bytes that the file holds for this segment: a view, valid until the source closes.
   *
   * @throws ElfError `ELF_TRUNCATED` if the segment runs past the file
   */
  bytes(): Uint8Array {
    this.#bytes ??=
      this.type === PT.PT_NULL ? new Uint8Array(0) : this.#image.read(this.offset, this.filesz, this.label);
    return this.#bytes;
  }
}

/** Reads the program header table: one read, all headers. */
export function readSegments(image: ElfImage): readonly ElfSegment[] {
  const { phoff, phnum, phentsize } = image.header;
  if (phnum === 0) return [];
  const least = layoutOf(image.is64).phentsize;
  if (phentsize < least) {
    throw image.error(
      "ELF_BAD_VALUE",
      "ELF header",
      undefined,
      `e_phentsize: found ${phentsize}, expected ${least}`,
    );
  }
  const table = image.read(phoff, phnum * phentsize, "program header table");
  return Array.from({ length: phnum }, (_, i) => new ElfSegment(image, table, i * phentsize, i));
}
