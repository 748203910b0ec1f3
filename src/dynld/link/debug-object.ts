/**
 * What debuggers are told of a module: its relocatable files as they are, with the addresses that their sections were
 * given. A debugger relocates the debug information itself, of the units that it looks at.
 * [Debugging with GDB, "JIT Compilation Interface"]
 */
import { SHF, SHN, SHT } from "../../elf/constants/section.ts";
import { PF, PT } from "../../elf/constants/segment.ts";
import type { LinkInput } from "./input.ts";
import type { ModuleLink, SegmentAddresses, SegmentBytes } from "./link.ts";
import { ORIGIN } from "./symbols.ts";

/** Fields of `Elf64_Ehdr`, `Elf64_Shdr` and `Elf64_Sym`, and sizes of records. */
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const SH_TYPE = 4;
const SH_FLAGS = 8;
const SH_ADDR = 16;
const ST_SHNDX = 6;
const ST_VALUE = 8;
const PHDR_SIZE = 56;

/** A segment of the object file. */
interface Segment {
  readonly flags: number;
  /** Where the bytes are in the file; 0 of a segment that is only an address. */
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** The object file that tells of one input, of an ELF64 little-endian machine. */
export function debugObject(
  link: ModuleLink,
  input: LinkInput,
  bytes: SegmentBytes,
  at: SegmentAddresses,
): Uint8Array {
  const end = (input.bytes.length + 7) & ~7;
  const frames = input.sections.filter((section) => section.label === ".eh_frame").length;
  const out = new Uint8Array(end + (1 + frames) * PHDR_SIZE);
  out.set(input.bytes);
  const view = new DataView(out.buffer);
  const { shoff, shentsize } = input.elf.header;
  const header = (index: number): number => shoff + index * shentsize;
  const pieces = link.sections.pieceOf.get(input);
  // lldb gives the sections of a file without segments addresses of its own.
  const segments: Segment[] = [
    { flags: PF.PF_R | PF.PF_X, offset: 0, address: at.text, size: link.size.text },
  ];
  for (const section of input.sections) {
    const place = header(section.index);
    const piece = link.sections.pieces[pieces?.[section.index] ?? -1];
    if (piece === undefined || piece.segment === "threads") {
      // Of what is not there nothing is known: no debugger shall look for it at 0.
      view.setUint32(place + SH_FLAGS, section.flags & ~SHF.SHF_ALLOC, true);
      continue;
    }
    const address = link.addressOf(piece);
    view.setBigUint64(place + SH_ADDR, BigInt(address), true);
    if (piece.part !== "frames") {
      // What it holds is in memory, and may be another thing than in the file by now.
      view.setUint32(place + SH_TYPE, SHT.SHT_NOBITS, true);
      continue;
    }
    // gdb relocates frames, lldb does not; so they are given as they run. And gdb wants them in a segment.
    segments.push({ flags: PF.PF_R, offset: section.offset, address, size: piece.size });
    out.set(bytes.rodata.subarray(piece.offset, piece.offset + piece.size), section.offset);
    for (const records of input.elf.relocationSectionsOf(section.index)) {
      view.setUint32(header(records.index) + SH_TYPE, SHT.SHT_PROGBITS, true);
    }
  }
  placeCommons(link, input, view);
  for (const [index, segment] of segments.entries()) putSegment(view, end + index * PHDR_SIZE, segment);
  view.setBigUint64(E_PHOFF, BigInt(end), true);
  view.setUint16(E_PHENTSIZE, PHDR_SIZE, true);
  view.setUint16(E_PHNUM, segments.length, true);
  return out;
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

/** Common symbols have no section that says where they are. */
function placeCommons({ symbols }: ModuleLink, input: LinkInput, view: DataView): void {
  const { symtab } = input;
  const table = input.sections[input.symtabIndex];
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
