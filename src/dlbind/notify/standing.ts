/**
 * The standing debug object: headers of their own over the live tables themselves. It costs nothing to keep, and who
 * reads it at any time reads what is true then. [Debugging with GDB, "JIT Compilation Interface"]
 *
 * It is a relocatable file: symbol values count from the start of their section, and all three sections begin where the
 * image does. `.text` answers for all addresses up to the end of what is used. Offsets count from the headers.
 */
import { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { SHF, SHT } from "../../elf/constants/section.ts";
import { PF, PT } from "../../elf/constants/segment.ts";
import type { NativeRegion } from "../../host/region.ts";
import { EHDR_SIZE, HeaderWriter, PHDR_SIZE, type SectionHeader, SHDR_SIZE } from "../headers.ts";
import { type Layout, SYM_SIZE } from "../layout.ts";
import type { LiveTables } from "../tables.ts";

const SECTION_HEADERS = EHDR_SIZE + PHDR_SIZE;
const SECTIONS = 8;
/** Indices of the sections that grow. */
const TEXT = 1;
const SYMTAB = 4;
const STRTAB = 5;
const EH_FRAME = 6;

/** Fields of `Elf64_Phdr` and `Elf64_Shdr` that follow the growth. */
const P_FILESZ = 32;
const P_MEMSZ = 40;
const SH_SIZE = 32;

/** Where the object is, for a `struct jit_code_entry`. */
export function standingSpan(layout: Layout, base: bigint): { address: bigint; size: number } {
  const { debugHeaders, ehFrame } = layout;
  return {
    address: base + BigInt(debugHeaders.offset),
    size: ehFrame.offset + ehFrame.size - debugHeaders.offset,
  };
}

/** Writes the headers, all sizes zero until {@link updateStanding}. */
export function writeStanding({ layout, debugHeaders }: LiveTables, base: bigint): void {
  const writer = new HeaderWriter(
    layout.debugHeaders.size,
    SECTION_HEADERS + SECTIONS * SHDR_SIZE,
    EM.EM_X86_64,
  );
  // lldb gives the sections of a relocatable file addresses of its own unless there is a segment. And of two that hold
  // an address it takes the one that begins nearest below, so this one must not lie further off than the loader's.
  const flags = PF.PF_R | PF.PF_X;
  const vaddr = base + BigInt(layout.text.offset);
  writer.segment({ type: PT.PT_LOAD, flags, offset: 0, vaddr, size: 0, align: 1 });
  const region = (name: string, more: number): SectionHeader => ({
    name,
    type: SHT.SHT_NOBITS,
    flags: SHF.SHF_ALLOC | more,
    addr: base,
    offset: 0,
    size: 0,
    align: 1,
  });
  const table = (name: string, type: number, offset: number): SectionHeader => ({
    name,
    type,
    flags: 0,
    addr: 0n,
    offset: offset - layout.debugHeaders.offset,
    size: 0,
    align: 8,
  });
  writer.section(region(".text", SHF.SHF_EXECINSTR));
  writer.section(region(".rodata", 0));
  writer.section(region(".data", SHF.SHF_WRITE));
  const symtab = table(".symtab", SHT.SHT_SYMTAB, layout.dynsym.offset);
  writer.section({ ...symtab, link: STRTAB, info: 1, entsize: SYM_SIZE });
  writer.section(table(".strtab", SHT.SHT_STRTAB, layout.dynstr.offset));
  writer.section(table(".eh_frame", SHT.SHT_PROGBITS, layout.ehFrame.offset));
  writer.finish({ type: ET.ET_REL, sectionHeaders: SECTION_HEADERS });
  debugHeaders.ensure(layout.debugHeaders.size);
  debugHeaders.u8.set(writer.bytes);
}

/** Stores the sizes as they are now; the symbols come last, since they refer to the rest. */
export function updateStanding(
  { layout, debugHeaders, symbols, names, frames }: LiveTables,
  textEnd: number,
): void {
  const used = layout.text.offset + textEnd;
  debugHeaders.i32[(EHDR_SIZE + P_FILESZ) >> 2] = textEnd;
  debugHeaders.i32[(EHDR_SIZE + P_MEMSZ) >> 2] = textEnd;
  setSize(debugHeaders, TEXT, used);
  setSize(debugHeaders, STRTAB, names.end);
  setSize(debugHeaders, EH_FRAME, frames.end);
  setSize(debugHeaders, SYMTAB, symbols.end * SYM_SIZE);
}

function setSize(headers: NativeRegion, section: number, size: number): void {
  headers.i32[(SECTION_HEADERS + section * SHDR_SIZE + SH_SIZE) >> 2] = size;
}
