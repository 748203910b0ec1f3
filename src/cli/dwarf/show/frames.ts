/** `bindery dwarf frames`: how callers are found, by call frame information. */
import { pointerEncodingName } from "../../../dwarf/constants/frame.ts";
import { registerName } from "../../../dwarf/constants/register.ts";
import type { Cie, Fde } from "../../../dwarf/read/frame/entry.ts";
import type { FramePointer } from "../../../dwarf/read/frame/pointer.ts";
import { frameRow } from "../../../dwarf/read/frame/row.ts";
import { FrameRows } from "../../../dwarf/read/frame/rows.ts";
import { FrameSection } from "../../../dwarf/read/frame/section.ts";
import { frameInstructionTexts } from "../../../dwarf/read/frame/text.ts";
import { DwarfError } from "../../../errors.ts";
import { add, type Dump } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { FramesOptions } from "../options.ts";
import { type CodePlace, codePlace, parseCodePlace } from "../pc.ts";
import { hex, offsetText } from "../units.ts";
import { type ShownRow, shownRow, tableText } from "./frame-table.ts";
import { type Range, rangeOf, rangeText } from "./ranges.ts";

interface CieItem {
  readonly kind: "CIE";
  readonly offset: number;
  readonly version: number;
  readonly augmentation: string;
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  readonly returnAddress: string;
  readonly pointerEncoding: string;
  readonly personality?: string;
  readonly isSignalFrame?: true;
  readonly instructions?: readonly string[];
}

interface FdeItem extends Range {
  readonly kind: "FDE";
  readonly offset: number;
  readonly cie: number;
  readonly lsda?: string;
  /** Those that a row speaks of, in the order of their numbers. */
  readonly registers: readonly string[];
  readonly rows: readonly ShownRow[];
  readonly instructions?: readonly string[];
}

type Item = CieItem | FdeItem;

export function framesDump(options: FramesOptions): Dump<Item> {
  const instructions = options.instructions === true || options.stats === true;
  const pc = options.pc === undefined ? undefined : parseCodePlace(options.pc);
  return {
    groups: "sections",
    items: "entries",
    absent: "There is no call frame information in this file.",
    counted: ["cies", "fdes", "rows", "instructions"],
    *groupsOf(file) {
      let isFound = false;
      for (const frames of FrameSection.all(file.dwarf)) {
        const { section } = frames.reader.section;
        const fde = pc && file.attempt(() => covering(file, frames, pc));
        if (pc !== undefined && fde === undefined) continue;
        isFound = true;
        const items = (): Iterable<Item> =>
          fde === undefined ? all(file, frames, instructions) : only(file, fde, instructions);
        yield { title: `${section}:`, fields: { section }, items };
      }
      if (pc !== undefined && !isFound) file.fail(notCovered(file, options.pc ?? ""));
    },
    text: itemLines,
    count(item, counts) {
      add(counts, item.kind === "CIE" ? "cies" : "fdes");
      if (item.kind === "FDE") add(counts, "rows", item.rows.length);
      add(counts, "instructions", item.instructions?.length ?? 0);
    },
  };
}

/** All entries. What is damaged is told, and passed over where its length is known. */
function* all(file: DumpFile, frames: FrameSection, instructions: boolean): IterableIterator<Item> {
  const cursor = frames.entries();
  for (;;) {
    const more = file.attempt(() => cursor.next());
    if (more === false) return;
    if (more === undefined) continue;
    const item = file.attempt(() =>
      cursor.isCie
        ? cieItem(file, frames.cie(cursor), instructions)
        : fdeItem(file, frames.fde(cursor), instructions),
    );
    if (item !== undefined) yield item;
  }
}

/** An FDE, and how far from its start the row is that is asked for. */
interface Covering {
  readonly fde: Fde;
  readonly distance: number;
}

function covering(file: DumpFile, frames: FrameSection, pc: CodePlace): Covering | undefined {
  const { section, address } = codePlace(file, pc);
  const fde = section === undefined ? frames.find(address) : frames.findIn(section, Number(address));
  if (fde === undefined) return undefined;
  const start = section === undefined ? fde.start.resolve() : fde.start.place().offset;
  return { fde, distance: Number(address - start) };
}

function* only(file: DumpFile, { fde, distance }: Covering, instructions: boolean): IterableIterator<Item> {
  yield cieItem(file, fde.cie, instructions);
  yield fdeItem(file, fde, instructions, distance);
}

function notCovered(file: DumpFile, pc: string): Error {
  return new DwarfError("DWARF_BAD_REFERENCE", { file: file.name }, `no frame covers ${pc}`);
}

function cieItem(file: DumpFile, cie: Cie, instructions: boolean): CieItem {
  const { offset, version, augmentation, codeAlignment, dataAlignment, personality } = cie;
  return {
    kind: "CIE",
    offset,
    version,
    augmentation,
    codeAlignment,
    dataAlignment,
    returnAddress: registerName(cie.context.machine, cie.returnAddressRegister),
    pointerEncoding: pointerEncodingName(cie.pointers.encoding),
    ...(personality !== undefined && { personality: pointerText(file, personality) }),
    ...(cie.isSignalFrame && { isSignalFrame: true }),
    ...(instructions && { instructions: instructionsOf(file, cie) }),
  };
}

/** @param only the row that holds at this distance from the start; all of them when undefined */
function fdeItem(file: DumpFile, fde: Fde, instructions: boolean, only?: number): FdeItem {
  const { offset, cie, start, lsda } = fde;
  return {
    kind: "FDE",
    offset,
    cie: cie.offset,
    ...rangeOf(file, start, start.plus(fde.size)),
    ...(lsda !== undefined && { lsda: pointerText(file, lsda) }),
    ...tableOf(file, fde, only),
    ...(instructions && { instructions: instructionsOf(file, fde) }),
  };
}

/** The rows, as far as they can be read. */
function tableOf(file: DumpFile, fde: Fde, only: number | undefined): Pick<FdeItem, "registers" | "rows"> {
  const list: ShownRow[] = [];
  const numbers = new Set<number>();
  const { machine } = fde.context;
  file.attempt(() => {
    const rows = new FrameRows(fde);
    while (rows.next()) {
      if (only !== undefined && (only < rows.start || only >= rows.end)) continue;
      const row = frameRow(rows);
      for (const register of row.rules.keys()) numbers.add(register);
      list.push(shownRow(file.address(fde.start.plus(rows.start)), row, machine));
    }
  });
  const registers = [...numbers].sort((a, b) => a - b).map((register) => registerName(machine, register));
  return { registers, rows: list };
}

function instructionsOf(file: DumpFile, entry: Cie | Fde): string[] {
  const list: string[] = [];
  file.attempt(() => {
    for (const text of frameInstructionTexts(entry, file.address)) list.push(text);
  });
  return list;
}

function pointerText(file: DumpFile, { value, indirect }: FramePointer): string {
  return `${indirect ? "*" : ""}${file.address(value)}`;
}

function* itemLines(item: Item): IterableIterator<string> {
  if (item.kind === "CIE") {
    const { offset, version, augmentation, codeAlignment, dataAlignment, returnAddress, personality } = item;
    const parts = [
      `version ${version}`,
      `augmentation ${JSON.stringify(augmentation)}`,
      `code alignment ${codeAlignment}`,
      `data alignment ${dataAlignment}`,
      `return address ${returnAddress}`,
      item.pointerEncoding,
      ...(personality === undefined ? [] : [`personality ${personality}`]),
      ...(item.isSignalFrame === true ? ["signal frame"] : []),
    ];
    yield `${offsetText(offset)} CIE ${parts.join(", ")}`;
  } else {
    const lsda = item.lsda === undefined ? "" : `, language-specific data at ${item.lsda}`;
    yield `${offsetText(item.offset)} FDE of CIE ${hex(item.cie)} ${rangeText(item)}${lsda}`;
    for (const line of tableText(item)) yield `    ${line}`;
  }
  for (const instruction of item.instructions ?? []) yield `    ${instruction}`;
}
