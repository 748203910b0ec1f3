/**
 * ELF64 little-endian headers in one block: ELF header, program headers behind it, section headers at a place of
 * their own, and a corner for small tables. What a live object and a debug object both begin with. [gABI 4]
 */
import { ELFCLASS, ELFDATA, EV } from "../elf/constants/header.ts";
import { SHT } from "../elf/constants/section.ts";

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
  readonly #sections: SectionHeader[] = [];
  #segments = 0;
  #small: number;

  /** @param smallTables offset in the block from which {@link small} places bytes */
  constructor(size: number, smallTables: number) {
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

  segment(header: SegmentHeader): void {
    const at = EHDR_SIZE + this.#segments++ * PHDR_SIZE;
    const view = this.#view;
    view.setUint32(at, header.type, true);
    view.setUint32(at + 4, header.flags, true);
    view.setBigUint64(at + 8, BigInt(header.offset), true);
    view.setBigUint64(at + 16, header.vaddr, true);
    view.setBigUint64(at + 24, header.vaddr, true);
    view.setBigUint64(at + 32, BigInt(header.size), true);
    view.setBigUint64(at + 40, BigInt(header.size), true);
    view.setBigUint64(at + 48, BigInt(header.align), true);
  }

  /** Adds a section; the first gets index 1. */
  section(header: SectionHeader): void {
    this.#sections.push(header);
  }

  /** Writes the ELF header, and the section headers with their names. */
  finish(file: { type: number; machine: number; sectionHeaders: number }): void {
    const names = this.#encodeNames();
    const offset = this.small(names);
    this.#sections.push({
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
      this.#sectionHeader(file.sectionHeaders + (index + 1) * SHDR_SIZE, section, nameOffset);
      nameOffset += section.name.length + 1;
    });
    this.#elfHeader(file);
  }

  #encodeNames(): Uint8Array {
    const names = [...this.#sections.map(({ name }) => name), ".shstrtab"];
    return new TextEncoder().encode(`\0${names.join("\0")}\0`);
  }

  #sectionHeader(at: number, header: SectionHeader, nameOffset: number): void {
    const view = this.#view;
    view.setUint32(at, nameOffset, true);
    view.setUint32(at + 4, header.type, true);
    view.setBigUint64(at + 8, BigInt(header.flags), true);
    view.setBigUint64(at + 16, header.addr, true);
    view.setBigUint64(at + 24, BigInt(header.offset), true);
    view.setBigUint64(at + 32, BigInt(header.size), true);
    view.setUint32(at + 40, header.link ?? 0, true);
    view.setUint32(at + 44, header.info ?? 0, true);
    view.setBigUint64(at + 48, BigInt(header.align), true);
    view.setBigUint64(at + 56, BigInt(header.entsize ?? 0), true);
  }

  #elfHeader(file: { type: number; machine: number; sectionHeaders: number }): void {
    const view = this.#view;
    this.bytes.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS.ELFCLASS64, ELFDATA.ELFDATA2LSB, EV.EV_CURRENT]);
    view.setUint16(16, file.type, true);
    view.setUint16(18, file.machine, true);
    view.setUint32(20, EV.EV_CURRENT, true);
    view.setBigUint64(32, BigInt(this.#segments === 0 ? 0 : EHDR_SIZE), true);
    view.setBigUint64(40, BigInt(file.sectionHeaders), true);
    view.setUint16(52, EHDR_SIZE, true);
    view.setUint16(54, this.#segments === 0 ? 0 : PHDR_SIZE, true);
    view.setUint16(56, this.#segments, true);
    view.setUint16(58, SHDR_SIZE, true);
    view.setUint16(60, this.#sections.length + 1, true);
    view.setUint16(62, this.#sections.length, true);
  }
}
