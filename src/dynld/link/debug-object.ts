/**
 * What debuggers are told of a module: its relocatable files as they are, with the addresses that their sections were
 * given. A debugger relocates the debug information itself, of the units that it looks at.
 * [Debugging with GDB, "JIT Compilation Interface"]
 */
import { SHF, SHN, SHT } from "../../elf/constants/section.ts";
import { PF, PT } from "../../elf/constants/segment.ts";
import type { LinkInput } from "./input.ts";
import type { ModuleLink, SegmentBytes } from "./link.ts";
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

/** The object file that tells of one input, of an ELF64 little-endian machine. */
export function debugObject(
  link: ModuleLink,
  input: LinkInput,
  bytes: SegmentBytes,
  text: { readonly address: number; readonly size: number },
): Uint8Array {
  const end = (input.bytes.length + 7) & ~7;
  const out = new Uint8Array(end + PHDR_SIZE);
  out.set(input.bytes);
  const view = new DataView(out.buffer);
  const { shoff, shentsize } = input.elf.header;
  const header = (index: number): number => shoff + index * shentsize;
  const pieces = link.sections.pieceOf.get(input);
  for (const section of input.sections) {
    const at = header(section.index);
    const piece = link.sections.pieces[pieces?.[section.index] ?? -1];
    if (piece === undefined) {
      // Of what is not there nothing is known: no debugger shall look for it at 0.
      view.setUint32(at + SH_FLAGS, section.flags & ~SHF.SHF_ALLOC, true);
      continue;
    }
    view.setBigUint64(at + SH_ADDR, BigInt(link.addressOf(piece)), true);
    // gdb relocates frames, lldb does not; so they are given as they run.
    if (piece.part !== "frames") continue;
    out.set(bytes.rodata.subarray(piece.offset, piece.offset + piece.size), section.offset);
    for (const records of input.elf.relocationSectionsOf(section.index)) {
      view.setUint32(header(records.index) + SH_TYPE, SHT.SHT_PROGBITS, true);
    }
  }
  placeCommons(link, input, view);
  // lldb gives the sections of a file without segments addresses of its own.
  view.setUint32(end, PT.PT_LOAD, true);
  view.setUint32(end + 4, PF.PF_R | PF.PF_X, true);
  view.setBigUint64(end + 16, BigInt(text.address), true);
  view.setBigUint64(end + 24, BigInt(text.address), true);
  view.setBigUint64(end + 32, BigInt(text.size), true);
  view.setBigUint64(end + 40, BigInt(text.size), true);
  view.setBigUint64(end + 48, 1n, true);
  view.setBigUint64(E_PHOFF, BigInt(end), true);
  view.setUint16(E_PHENTSIZE, PHDR_SIZE, true);
  view.setUint16(E_PHNUM, 1, true);
  return out;
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
