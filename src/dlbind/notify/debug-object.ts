/**
 * Object files in memory that tell a debugger what lies in a live object. [Debugging with GDB, "JIT Compilation
 * Interface"]
 *
 * Two kinds. The *standing* one has headers of its own over the live tables themselves: it costs nothing to keep, and
 * who reads it at any time reads what is true then. But a debugger reads an object once. So while one listens, what is
 * new is told in *snapshots*: symbols and call frames of some functions, copied.
 */
import { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { SHF, SHT } from "../../elf/constants/section.ts";
import { PF, PT } from "../../elf/constants/segment.ts";
import { STB } from "../../elf/constants/symbol.ts";
import { EHDR_SIZE, HeaderWriter, PHDR_SIZE, type SectionHeader, SHDR_SIZE } from "../headers.ts";
import { DATA_SECTION, RODATA_SECTION, TEXT_SECTION } from "../image.ts";
import { type Layout, SYM_SIZE } from "../layout.ts";
import type { LiveTables } from "../tables.ts";

/** Functions closer together than this share a section; nothing else fits between them. */
const RUN_GAP = 16;
const SYM_WORDS = SYM_SIZE / 4;

/** Bytes of `object` that the standing debug object reaches over, from its headers on. */
export function standingSize(layout: Layout): number {
  return layout.ehFrame.offset + layout.ehFrame.size - layout.debugHeaders.offset;
}

/**
 * Writes the headers of the standing debug object over the tables as they are now. Offsets count from the headers.
 *
 * It is a relocatable file: symbol values count from the start of their section, and all three sections begin where the
 * image does. `.text` answers for all addresses up to the end of what is used.
 */
export function writeStandingHeaders(tables: LiveTables, base: bigint, ends: { text: number }): void {
  const { layout, debugHeaders, symbols, names, frames } = tables;
  const from = layout.debugHeaders.offset;
  const writer = new HeaderWriter(layout.debugHeaders.size, EHDR_SIZE + PHDR_SIZE + 9 * SHDR_SIZE);
  const used = layout.text.offset + ends.text;
  writer.segment({
    type: PT.PT_LOAD,
    flags: PF.PF_R | PF.PF_X,
    offset: 0,
    vaddr: base,
    size: used,
    align: 1,
  });
  const region = (name: string, flags: number, size: number): SectionHeader => ({
    name,
    type: SHT.SHT_NOBITS,
    flags: SHF.SHF_ALLOC | flags,
    addr: base,
    offset: 0,
    size,
    align: 1,
  });
  const table = (name: string, type: number, offset: number, size: number): SectionHeader => ({
    name,
    type,
    flags: 0,
    addr: 0n,
    offset: offset - from,
    size,
    align: 8,
  });
  writer.section(region(".text", SHF.SHF_EXECINSTR, used));
  writer.section(region(".rodata", 0, 0));
  writer.section(region(".data", SHF.SHF_WRITE, 0));
  const symtab = table(".symtab", SHT.SHT_SYMTAB, layout.dynsym.offset, symbols.end * SYM_SIZE);
  writer.section({ ...symtab, link: 5, info: 1, entsize: SYM_SIZE });
  writer.section(table(".strtab", SHT.SHT_STRTAB, layout.dynstr.offset, names.end));
  writer.section(table(".eh_frame", SHT.SHT_PROGBITS, layout.ehFrame.offset, frames.end));
  writer.finish({ type: ET.ET_REL, machine: EM.EM_X86_64, sectionHeaders: EHDR_SIZE + PHDR_SIZE });
  debugHeaders.ensure(layout.debugHeaders.size);
  debugHeaders.u8.set(writer.bytes);
}

/** A stretch of the image that one section of a snapshot covers. */
interface Run {
  readonly section: number;
  readonly start: number;
  end: number;
}

/**
 * A snapshot of some symbols, as an executable with absolute addresses.
 * @param slots symbols of the table in ascending order of their values
 */
export function encodeSnapshot(tables: LiveTables, base: bigint, slots: Int32Array): Uint8Array {
  const { runs, runOf } = coveredRuns(tables, slots);
  const names = encodeNames(tables, slots);
  const frames = encodeFrames(tables, slots);
  const sections = runs.length + 4;
  const headerSize = EHDR_SIZE + (sections + 1) * SHDR_SIZE;
  const runNames = [".text", ".rodata", ".data"];
  const nameBytes = 64 + runs.reduce((sum, { section }) => sum + (runNames[section - 1]?.length ?? 0) + 1, 0);
  const symtab = align8(headerSize + nameBytes);
  const strtab = symtab + (slots.length + 1) * SYM_SIZE;
  const ehFrame = align8(strtab + names.bytes.length);
  const writer = new HeaderWriter(ehFrame + frames.length, headerSize);
  for (const run of runs) writer.section(runSection(run, base));
  writer.section({
    ...plain(".symtab", SHT.SHT_SYMTAB, symtab, (slots.length + 1) * SYM_SIZE),
    link: runs.length + 2,
    info: 1 + names.locals,
    entsize: SYM_SIZE,
  });
  writer.section(plain(".strtab", SHT.SHT_STRTAB, strtab, names.bytes.length));
  writer.section(plain(".eh_frame", SHT.SHT_PROGBITS, ehFrame, frames.length));
  writer.finish({ type: ET.ET_EXEC, machine: EM.EM_X86_64, sectionHeaders: EHDR_SIZE });
  const { bytes } = writer;
  bytes.set(names.bytes, strtab);
  bytes.set(frames, ehFrame);
  writeSymbols(
    tables,
    base,
    slots,
    names.offsets,
    runOf,
    new Int32Array(bytes.buffer, symtab, (slots.length + 1) * SYM_WORDS),
  );
  return bytes;
}

/** What the symbols cover, as stretches; and for each symbol, the section index of its stretch. */
function coveredRuns({ symbols, layout }: LiveTables, slots: Int32Array): { runs: Run[]; runOf: Int32Array } {
  const runs: Run[] = [];
  const runOf = new Int32Array(slots.length);
  let run: Run | undefined;
  slots.forEach((slot, index) => {
    const start = symbols.valueOf(slot);
    const end = start + Math.max(1, symbols.sizeOf(slot));
    const section = sectionAt(layout, start);
    if (run === undefined || run.section !== section || start >= run.end + RUN_GAP) {
      run = { section, start, end };
      runs.push(run);
    } else if (end > run.end) {
      run.end = end;
    }
    runOf[index] = runs.length;
  });
  return { runs, runOf };
}

function sectionAt(layout: Layout, value: number): number {
  if (value < layout.rodata.offset) return TEXT_SECTION;
  return value < layout.dynamic.offset ? RODATA_SECTION : DATA_SECTION;
}

function runSection({ section, start, end }: Run, base: bigint): SectionHeader {
  const [name, flags] =
    section === TEXT_SECTION
      ? [".text", SHF.SHF_EXECINSTR]
      : section === RODATA_SECTION
        ? [".rodata", 0]
        : [".data", SHF.SHF_WRITE];
  return {
    name,
    type: SHT.SHT_NOBITS,
    flags: SHF.SHF_ALLOC | flags,
    addr: base + BigInt(start),
    offset: 0,
    size: end - start,
    align: 1,
  };
}

/** Not loaded anywhere: an address, even 0, would have the debugger keep a place for it. */
function plain(name: string, type: number, offset: number, size: number): SectionHeader {
  return { name, type, flags: 0, addr: 0n, offset, size, align: 8 };
}

interface EncodedNames {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
  readonly locals: number;
}

function encodeNames({ symbols }: LiveTables, slots: Int32Array): EncodedNames {
  const offsets = new Int32Array(slots.length);
  let size = 1;
  let locals = 0;
  slots.forEach((slot, index) => {
    offsets[index] = size;
    size += symbols.nameBytesOf(slot).length + 1;
    if (symbols.infoOf(slot) >> 4 === STB.STB_LOCAL) locals++;
  });
  const bytes = new Uint8Array(size);
  slots.forEach((slot, index) => {
    bytes.set(symbols.nameBytesOf(slot), offsets[index]);
  });
  return { bytes, offsets, locals };
}

/** Fills the symbol table, local symbols first as the specification has it. */
function writeSymbols(
  { symbols }: LiveTables,
  base: bigint,
  slots: Int32Array,
  nameOffsets: Int32Array,
  runOf: Int32Array,
  words: Int32Array,
): void {
  const baseLow = Number(base & 0xffff_ffffn);
  const baseHigh = Number(base >> 32n);
  let at = SYM_WORDS;
  const put = (slot: number, index: number): void => {
    const low = baseLow + symbols.valueOf(slot);
    words[at] = nameOffsets[index] ?? 0;
    words[at + 1] = symbols.infoOf(slot) | (symbols.otherOf(slot) << 8) | ((runOf[index] ?? 0) << 16);
    words[at + 2] = low;
    words[at + 3] = baseHigh + (low > 0xffff_ffff ? 1 : 0);
    words[at + 4] = symbols.sizeOf(slot);
    at += SYM_WORDS;
  };
  const isLocal = (slot: number): boolean => symbols.infoOf(slot) >> 4 === STB.STB_LOCAL;
  slots.forEach((slot, index) => {
    if (isLocal(slot)) put(slot, index);
  });
  slots.forEach((slot, index) => {
    if (!isLocal(slot)) put(slot, index);
  });
}

/** The call-frame records of the symbols, each under a copy of its CIE: their pointers are absolute, so bytes do. */
function encodeFrames({ frames, frameOf }: LiveTables, slots: Int32Array): Uint8Array {
  const cies = new Map<number, number>();
  const pieces: { bytes: Uint8Array; cie: number | undefined; at: number }[] = [];
  let size = 0;
  const place = (bytes: Uint8Array, cie: number | undefined): number => {
    pieces.push({ bytes, cie, at: size });
    size += bytes.length;
    return size - bytes.length;
  };
  for (const slot of slots) {
    const frame = frameOf.at(slot) - 1;
    if (frame < 0) continue;
    const cie = frames.cieOf(frame);
    let copied = cies.get(cie);
    if (copied === undefined) {
      copied = place(frames.recordAt(cie), undefined);
      cies.set(cie, copied);
    }
    place(frames.recordAt(frame), copied);
  }
  const out = new Uint8Array(size === 0 ? 0 : size + 4);
  const view = new DataView(out.buffer);
  for (const { bytes, cie, at } of pieces) {
    out.set(bytes, at);
    if (cie !== undefined) view.setUint32(at + 4, at + 4 - cie, true);
  }
  return out;
}

function align8(size: number): number {
  return (size + 7) & ~7;
}
