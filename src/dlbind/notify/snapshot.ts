/**
 * Snapshots: object files in memory that tell a debugger of some functions of a live object, their symbols and call
 * frames copied. [Debugging with GDB, "JIT Compilation Interface"]
 */
import { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { SHF, SHT } from "../../elf/constants/section.ts";
import type { NobitsSection, SectionDescription } from "../../elf/write/description.ts";
import { writeElf } from "../../elf/write/write.ts";
import { DATA_SECTION, RODATA_SECTION, TEXT_SECTION } from "../image.ts";
import type { Layout } from "../layout.ts";
import type { LiveTables } from "../tables.ts";

/** Functions closer together than this share a section; nothing else fits between them. */
const RUN_GAP = 16;

/**
 * A snapshot of some symbols, as an executable with absolute addresses.
 * @param slots symbols of the table in ascending order of their values
 */
export function encodeSnapshot(tables: LiveTables, base: bigint, slots: Int32Array): Uint8Array {
  const { symbols } = tables;
  const { runs, runOf } = coveredRuns(tables, slots, base);
  const frames = encodeFrames(tables, slots);
  // Not loaded anywhere: an address, even 0, would have a debugger keep a place for it.
  const ehFrame: SectionDescription = { name: ".eh_frame", type: SHT.SHT_PROGBITS, bytes: frames };
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
  // A debugger looks into a section of frames, even an empty one.
  const sections = frames.length === 0 ? [...runs, symtab] : [...runs, symtab, ehFrame];
  return writeElf({ type: ET.ET_EXEC, machine: EM.EM_X86_64, sections });
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
