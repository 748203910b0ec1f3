/**
 * What debuggers are told of a module: relocatable files as they came, with the addresses that their sections were given.
 * A debugger relocates the debug information itself, of the units that it looks at.
 * [Debugging with GDB, "JIT Compilation Interface"]
 */
import { SHF, SHN, SHT } from "../../elf/constants/section.ts";
import { PF, PT } from "../../elf/constants/segment.ts";
import { ElfSection } from "../../elf/section.ts";
import type { LinkInput } from "./input.ts";
import type { ModuleLink } from "./link.ts";
import type { SegmentAddresses, SegmentBytes } from "./relocator.ts";
import { alignUp, type Piece } from "./sections.ts";
import { ORIGIN } from "./symbols.ts";

/** An object file that is written where it is to lie. */
export interface DebugFile {
  /** Bytes to be written. */
  readonly size: number;
  /** What follows them: a file that is not in memory. */
  readonly file: LinkInput["file"];
  /** Writes them all. */
  readonly write: (bytes: Uint8Array) => void;
}

/** Fields of `Elf64_Ehdr`, `Elf64_Shdr` and `Elf64_Sym`, and sizes of records. */
const E_PHOFF = 32;
const E_SHOFF = 40;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const SH_TYPE = 4;
const SH_FLAGS = 8;
const SH_ADDR = 16;
const SH_OFFSET = 24;
const SH_SIZE = 32;
const ST_SHNDX = 6;
const ST_VALUE = 8;
const EHDR_SIZE = 64;
const SHDR_SIZE = 64;
const PHDR_SIZE = 56;
const PAGE = 4096;

/** A segment of the object file. */
interface Segment {
  readonly flags: number;
  /** Where the bytes are in the file; 0 of a segment that is only an address. */
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** A section of the object file: what its header says, and what it holds. */
interface Part {
  readonly index: number;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  /** Where it begins among what is written or, if it is the file's, in the file. */
  readonly offset: number;
  readonly size: number;
  /** What is written of it; the file's pages stand for themselves. */
  readonly contents: Uint8Array | ElfSection | "file" | undefined;
}

/**
 * The object file that tells of one input, of an ELF64 little-endian machine: its debug information, symbols and frames.
 * Of what is loaded only the headers are there; what it holds is in memory, and may be another thing than in the file by now.
 * A file that is not in memory follows what is written, so that none of it is read before a debugger does.
 */
export function debugObject(
  link: ModuleLink,
  input: LinkInput,
  bytes: SegmentBytes,
  at: SegmentAddresses,
): DebugFile {
  const { file } = input;
  // lldb gives the sections of a file without segments addresses of its own.
  const segments: Segment[] = [
    { flags: PF.PF_R | PF.PF_X, offset: 0, address: at.text, size: link.size.text },
  ];
  let end = EHDR_SIZE;
  const take = (size: number): number => {
    const offset = end;
    end += (size + 7) & ~7;
    return offset;
  };
  const headers = take(input.sections.length * SHDR_SIZE);
  const parts = input.sections.map((section): Part => {
    const { index, type, flags } = section;
    const piece = pieceOf(link, input, index);
    if (piece !== undefined && piece.segment !== "threads") {
      const address = link.addressOf(piece);
      const { size } = piece;
      const place = { index, flags, address, size };
      if (piece.part !== "frames") return { ...place, type: SHT.SHT_NOBITS, offset: 0, contents: undefined };
      // gdb relocates frames, lldb does not; so they are given as they run. And gdb wants them in a segment.
      const offset = take(size);
      segments.push({ flags: PF.PF_R, offset, address, size });
      const contents = bytes.rodata.subarray(piece.offset, piece.offset + size);
      return { ...place, type, offset, contents };
    }
    // Of what is not there nothing is known: no debugger shall look for it at 0.
    const head = { index, flags: flags & ~SHF.SHF_ALLOC, address: 0 };
    if (!isTold(link, input, section)) {
      return { ...head, type: SHT.SHT_NULL, offset: 0, size: 0, contents: undefined };
    }
    const size = section.rawSize;
    const isFiles = file !== undefined && !(index === input.symtabIndex && hasCommons(link, input));
    if (isFiles) return { ...head, type, offset: section.offset, size, contents: "file" };
    return { ...head, type, offset: take(size), size, contents: section };
  });
  const table = take(segments.length * PHDR_SIZE);
  const size = file === undefined ? end : alignUp(end, PAGE);
  const write = (out: Uint8Array): void => {
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const { header, image } = input.elf;
    out.set(image.read(0, EHDR_SIZE, "ELF header"));
    view.setBigUint64(E_SHOFF, BigInt(headers), true);
    view.setBigUint64(E_PHOFF, BigInt(table), true);
    view.setUint16(E_PHENTSIZE, PHDR_SIZE, true);
    view.setUint16(E_PHNUM, segments.length, true);
    out.set(image.read(header.shoff, parts.length * SHDR_SIZE, "section headers"), headers);
    for (const part of parts) {
      const offset = part.contents === "file" ? size + part.offset : part.offset;
      putHeader(view, headers + part.index * SHDR_SIZE, part, offset);
      putContents(out, part);
    }
    placeCommons(link, input, view, parts);
    for (const [index, segment] of segments.entries()) putSegment(view, table + index * PHDR_SIZE, segment);
  };
  return { size, file, write };
}

function pieceOf(link: ModuleLink, input: LinkInput, index: number): Piece | undefined {
  return link.sections.pieces[link.sections.pieceOf.get(input)?.[index] ?? -1];
}

/** Whether a debugger has use for a section that is not loaded: records are for what is not loaded, too. */
function isTold(link: ModuleLink, input: LinkInput, section: ElfSection): boolean {
  const { type, info } = section;
  if (section.hasFlags(SHF.SHF_ALLOC) || type === SHT.SHT_NOBITS || type === SHT.SHT_GROUP) return false;
  if (type !== SHT.SHT_RELA && type !== SHT.SHT_REL) return true;
  const target = input.sections[info];
  return target?.hasFlags(SHF.SHF_ALLOC) === false && pieceOf(link, input, info) === undefined;
}

function putHeader(view: DataView, at: number, part: Part, offset: number): void {
  view.setUint32(at + SH_TYPE, part.type, true);
  view.setUint32(at + SH_FLAGS, part.flags, true);
  view.setBigUint64(at + SH_ADDR, BigInt(part.address), true);
  view.setBigUint64(at + SH_OFFSET, BigInt(offset), true);
  // That of the null section may be the number of sections.
  if (part.index > 0) view.setBigUint64(at + SH_SIZE, BigInt(part.size), true);
}

function putContents(out: Uint8Array, { contents, offset, size }: Part): void {
  if (contents instanceof Uint8Array) out.set(contents, offset);
  else if (contents instanceof ElfSection) contents.copyRaw(out.subarray(offset, offset + size));
}

function putSegment(view: DataView, at: number, { flags, offset, address, size }: Segment): void {
  view.setUint32(at, PT.PT_LOAD, true);
  view.setUint32(at + 4, flags, true);
  view.setBigUint64(at + 8, BigInt(offset), true);
  view.setBigUint64(at + 16, BigInt(address), true);
  view.setBigUint64(at + 24, BigInt(address), true);
  view.setBigUint64(at + 32, BigInt(size), true);
  view.setBigUint64(at + 40, BigInt(size), true);
  view.setBigUint64(at + 48, 1n, true);
}

function hasCommons({ symbols }: ModuleLink, input: LinkInput): boolean {
  return symbols.ids.get(input)?.some((id) => symbols.origin[id] === ORIGIN.common) === true;
}

/** Common symbols have no section that says where they are. */
function placeCommons(
  { symbols }: ModuleLink,
  input: LinkInput,
  view: DataView,
  parts: readonly Part[],
): void {
  const { symtab } = input;
  const table = parts[input.symtabIndex];
  const ids = symbols.ids.get(input);
  if (symtab === undefined || table === undefined || ids === undefined) return;
  for (let i = input.firstGlobal; i < symtab.length; i++) {
    const id = ids[i] ?? 0;
    if (symbols.origin[id] !== ORIGIN.common) continue;
    const at = table.offset + i * symtab.entsize;
    view.setUint16(at + ST_SHNDX, SHN.SHN_ABS, true);
    view.setBigUint64(at + ST_VALUE, BigInt(symbols.address[id] ?? 0), true);
  }
}
