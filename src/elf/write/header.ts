/** The file header and the entries of the two header tables, written [gABI, "ELF Header", "Sections", "Program Header"]. */
import { EI, ELFCLASS, ELFDATA, EV, PN_XNUM } from "../constants/header.ts";
import { SHN, SHN_LORESERVE } from "../constants/section.ts";
import { layoutOf } from "../header.ts";
import { placeIn } from "../place.ts";
import { type Format, type Integer, putWord } from "./put.ts";

/** A section header, its references resolved. */
export interface SectionHeader {
  /** What messages call the section. */
  readonly label: string;
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly flagsHigh: number;
  readonly addr: Integer;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
}

/** A program header. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: Integer;
  readonly paddr: Integer;
  readonly filesz: number;
  readonly memsz: Integer;
  readonly align: number;
}

/** The file header's fields that are not a matter of the format. */
export interface FileHeader {
  readonly osAbi: number;
  readonly abiVersion: number;
  readonly type: number;
  readonly flags: number;
  readonly entry: Integer;
  readonly phoff: number;
  readonly phnum: number;
  readonly shoff: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

/** Writes the file header at 0; counts that do not fit go to section header 0, see {@link overflow}. */
export function putFileHeader(view: DataView, format: Format, header: FileHeader): void {
  const { is64, little, machine } = format;
  const layout = layoutOf(is64);
  view.setUint32(0, 0x7f454c46, false);
  view.setUint8(EI.EI_CLASS, is64 ? ELFCLASS.ELFCLASS64 : ELFCLASS.ELFCLASS32);
  view.setUint8(EI.EI_DATA, little ? ELFDATA.ELFDATA2LSB : ELFDATA.ELFDATA2MSB);
  view.setUint8(EI.EI_VERSION, EV.EV_CURRENT);
  view.setUint8(EI.EI_OSABI, header.osAbi);
  view.setUint8(EI.EI_ABIVERSION, header.abiVersion);
  view.setUint16(16, header.type, little);
  view.setUint16(18, machine, little);
  view.setUint32(20, EV.EV_CURRENT, little);
  const { word } = layout;
  putWord(view, 24, format, header.entry, atEntry);
  putWord(view, 24 + word, format, header.phoff, atHeader);
  const tail = 24 + 3 * word;
  view.setUint32(tail, header.flags, little);
  view.setUint16(tail + 4, layout.ehsize, little);
  view.setUint16(tail + 6, header.phnum === 0 ? 0 : layout.phentsize, little);
  view.setUint16(tail + 8, Math.min(header.phnum, PN_XNUM), little);
  putSectionTablePlace(view, format, header);
}

/** Writes `e_shoff`, `e_shentsize`, `e_shnum` and `e_shstrndx`, the fields that an edit of sections changes. */
export function putSectionTablePlace(
  view: DataView,
  format: Format,
  table: Pick<FileHeader, "shoff" | "shnum" | "shstrndx">,
): void {
  const { is64, little } = format;
  const { word, shentsize } = layoutOf(is64);
  const tail = 24 + 3 * word;
  putWord(view, 24 + 2 * word, format, table.shoff, atHeader);
  view.setUint16(tail + 10, table.shnum === 0 ? 0 : shentsize, little);
  view.setUint16(tail + 12, table.shnum >= SHN_LORESERVE ? 0 : table.shnum, little);
  view.setUint16(tail + 14, table.shstrndx >= SHN_LORESERVE ? SHN.SHN_XINDEX : table.shstrndx, little);
}

/** What section header 0 holds: the counts that overflow [gABI, "Sections", "extended numbering"]. */
export function overflow(counts: { shnum: number; shstrndx: number; phnum: number }): {
  size: number;
  link: number;
  info: number;
} {
  return {
    size: counts.shnum >= SHN_LORESERVE ? counts.shnum : 0,
    link: counts.shstrndx >= SHN_LORESERVE ? counts.shstrndx : 0,
    info: counts.phnum >= PN_XNUM ? counts.phnum : 0,
  };
}

/** Writes a section header at `at`. */
export function putSectionHeader(view: DataView, at: number, format: Format, header: SectionHeader): void {
  const { is64, little } = format;
  const place = () => placeIn(undefined, header.label);
  view.setUint32(at, header.nameOffset, little);
  view.setUint32(at + 4, header.type, little);
  if (is64) {
    view.setUint32(little ? at + 8 : at + 12, header.flags, little);
    view.setUint32(little ? at + 12 : at + 8, header.flagsHigh, little);
    putWord(view, at + 16, format, header.addr, place);
    putWord(view, at + 24, format, header.offset, place);
    putWord(view, at + 32, format, header.size, place);
    view.setUint32(at + 40, header.link, little);
    view.setUint32(at + 44, header.info, little);
    putWord(view, at + 48, format, header.addralign, place);
    putWord(view, at + 56, format, header.entsize, place);
  } else {
    view.setUint32(at + 8, header.flags, little);
    putWord(view, at + 12, format, header.addr, place);
    putWord(view, at + 16, format, header.offset, place);
    putWord(view, at + 20, format, header.size, place);
    view.setUint32(at + 24, header.link, little);
    view.setUint32(at + 28, header.info, little);
    putWord(view, at + 32, format, header.addralign, place);
    putWord(view, at + 36, format, header.entsize, place);
  }
}

/** Writes a program header at `at`; `index` is for messages. */
export function putProgramHeader(
  view: DataView,
  at: number,
  format: Format,
  header: ProgramHeader,
  index: number,
): void {
  const { is64, little } = format;
  const { word } = layoutOf(is64);
  const place = () => placeIn(undefined, `program header ${index}`);
  view.setUint32(at, header.type, little);
  view.setUint32(is64 ? at + 4 : at + 24, header.flags, little);
  // The 32-bit form has p_flags near the end instead of second.
  const first = is64 ? at + 8 : at + 4;
  putWord(view, first, format, header.offset, place);
  putWord(view, first + word, format, header.vaddr, place);
  putWord(view, first + 2 * word, format, header.paddr, place);
  putWord(view, first + 3 * word, format, header.filesz, place);
  putWord(view, first + 4 * word, format, header.memsz, place);
  putWord(view, is64 ? at + 48 : at + 28, format, header.align, place);
}

const atEntry = () => placeIn(undefined, "ELF header", 24);
const atHeader = () => placeIn(undefined, "ELF header");
