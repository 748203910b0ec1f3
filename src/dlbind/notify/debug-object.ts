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
import { type NobitsSection, type SectionDescription, writeElf } from "../../elf/write/index.ts";
import { EHDR_SIZE, HeaderWriter, PHDR_SIZE, type SectionHeader, SHDR_SIZE } from "../headers.ts";
import { DATA_SECTION, RODATA_SECTION, TEXT_SECTION } from "../image.ts";
import { type Layout, SYM_SIZE } from "../layout.ts";
import type { LiveTables } from "../tables.ts";

/** Functions closer together than this share a section; nothing else fits between them. */
const RUN_GAP = 16;

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
  const writer = new HeaderWriter(
    layout.debugHeaders.size,
    EHDR_SIZE + PHDR_SIZE + 9 * SHDR_SIZE,
    EM.EM_X86_64,
  );
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
  writer.finish({ type: ET.ET_REL, sectionHeaders: EHDR_SIZE + PHDR_SIZE });
  debugHeaders.ensure(layout.debugHeaders.size);
  debugHeaders.u8.set(writer.bytes);
}

/**
 * A snapshot of some symbols, as an executable with absolute addresses.
 * @param slots symbols of the table in ascending order of their values
 */
export function encodeSnapshot(tables: LiveTables, base: bigint, slots: Int32Array): Uint8Array {
  const { symbols } = tables;
  const { runs, runOf } = coveredRuns(tables, slots, base);
  // Not loaded anywhere: an address, even 0, would have a debugger keep a place for it.
  const ehFrame: SectionDescription = {
    name: ".eh_frame",
    type: SHT.SHT_PROGBITS,
    bytes: encodeFrames(tables, slots),
  };
  const from = Number(base);
  const symtab: SectionDescription = {
    name: ".symtab",
    type: SHT.SHT_SYMTAB,
    symbols: {
      names: Array.from(slots, (slot) => symbols.nameOf(slot)),
      values: Float64Array.from(slots, (slot) => from + symbols.valueOf(slot)),
      sizes: slots.map((slot) => symbols.sizeOf(slot)),
      infos: slots.map((slot) => symbols.infoOf(slot)),
      others: slots.map((slot) => symbols.otherOf(slot)),
      sections: runOf,
    },
  };
  return writeElf({ type: ET.ET_EXEC, machine: EM.EM_X86_64, sections: [...runs, symtab, ehFrame] });
}

/**
 * What the symbols cover, as sections: one for each stretch that lies together, so that two debug objects never claim
 * the same address. And for each symbol, the index of its section.
 */
function coveredRuns(
  { symbols, layout }: LiveTables,
  slots: Int32Array,
  base: bigint,
): { runs: NobitsSection[]; runOf: Int32Array } {
  const runs: NobitsSection[] = [];
  const runOf = new Int32Array(slots.length);
  let section = 0;
  let from = 0;
  let to = 0;
  const close = (): void => {
    if (section === 0) return;
    const [name, flags] = REGIONS[section] ?? REGIONS[DATA_SECTION];
    const head = { name, type: SHT.SHT_NOBITS, flags: SHF.SHF_ALLOC | flags, addralign: 1 };
    runs.push({ ...head, addr: base + BigInt(from), size: to - from });
  };
  slots.forEach((slot, index) => {
    const start = symbols.valueOf(slot);
    const end = start + Math.max(1, symbols.sizeOf(slot));
    const region = sectionAt(layout, start);
    if (region !== section || start >= to + RUN_GAP) {
      close();
      section = region;
      from = start;
      to = end;
    } else {
      to = Math.max(to, end);
    }
    runOf[index] = runs.length + 1;
  });
  close();
  return { runs, runOf };
}

const REGIONS: Readonly<Record<number, readonly [name: string, flags: number]>> & {
  readonly [DATA_SECTION]: readonly [name: string, flags: number];
} = {
  [TEXT_SECTION]: [".text", SHF.SHF_EXECINSTR],
  [RODATA_SECTION]: [".rodata", 0],
  [DATA_SECTION]: [".data", SHF.SHF_WRITE],
};

function sectionAt(layout: Layout, value: number): number {
  if (value < layout.rodata.offset) return TEXT_SECTION;
  return value < layout.dynamic.offset ? RODATA_SECTION : DATA_SECTION;
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
