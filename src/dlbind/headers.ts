/**
 * ELF64 little-endian headers in one block: ELF header, program headers behind it, section headers at a place of
 * their own, and a corner for small tables. What a live object begins with; unlike a file that is written once, its
 * tables have their places for good. [gABI 4]
 */
import { SHT } from "../elf/constants/section.ts";
import { putFileHeader, putProgramHeader, putSectionHeader } from "../elf/write/header.ts";
import type { Format } from "../elf/write/put.ts";

export const EHDR_SIZE = 64;
export const PHDR_SIZE = 56;
export const SHDR_SIZE = 64;

/** A program header whose file size and memory size agree. */
export interface SegmentHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly size: number;
  readonly align: number;
}

export interface SectionHeader {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly addr: bigint;
  readonly offset: number;
  readonly size: number;
  readonly align: number;
  readonly link?: number;
  readonly info?: number;
  readonly entsize?: number;
}

export class HeaderWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #format: Format;
  readonly #sections: SectionHeader[] = [];
  #segments = 0;
  #small: number;

  /** @param smallTables offset in the block from which {@link small} places bytes */
  constructor(size: number, smallTables: number, machine: number) {
    this.#format = { is64: true, little: true, machine };
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
    this.#small = smallTables;
  }

  /** Places a small table in the block. @returns its offset */
  small(bytes: Uint8Array): number {
    const offset = (this.#small + 7) & ~7;
    this.bytes.set(bytes, offset);
    this.#small = offset + bytes.length;
    return offset;
  }

  segment({ type, flags, offset, vaddr, size, align }: SegmentHeader): void {
    const at = EHDR_SIZE + this.#segments++ * PHDR_SIZE;
    const header = { type, flags, offset, vaddr, paddr: vaddr, filesz: size, memsz: size, align };
    putProgramHeader(this.#view, at, this.#format, header, this.#segments - 1);
  }

  /** Adds a section; the first gets index 1. */
  section(header: SectionHeader): void {
    this.#sections.push(header);
  }

  /** Writes the ELF header, and the section headers with their names. */
  finish(file: { type: number; sectionHeaders: number }): void {
    const names = new TextEncoder().encode(
      `\0${[...this.#sections.map(({ name }) => name), ".shstrtab"].join("\0")}\0`,
    );
    const offset = this.small(names);
    this.section({
      name: ".shstrtab",
      type: SHT.SHT_STRTAB,
      flags: 0,
      addr: 0n,
      offset,
      size: names.length,
      align: 1,
    });
    let nameOffset = 1;
    this.#sections.forEach((section, index) => {
      const { name, align, link = 0, info = 0, entsize = 0 } = section;
      const header = {
        ...section,
        label: name,
        nameOffset,
        flagsHigh: 0,
        link,
        info,
        entsize,
        addralign: align,
      };
      putSectionHeader(this.#view, file.sectionHeaders + (index + 1) * SHDR_SIZE, this.#format, header);
      nameOffset += name.length + 1;
    });
    putFileHeader(this.#view, this.#format, {
      osAbi: 0,
      abiVersion: 0,
      type: file.type,
      flags: 0,
      entry: 0,
      phoff: this.#segments === 0 ? 0 : EHDR_SIZE,
      phnum: this.#segments,
      shoff: file.sectionHeaders,
      shnum: this.#sections.length + 1,
      shstrndx: this.#sections.length,
    });
  }
}
