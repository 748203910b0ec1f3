/** Call frames as readelf, llvm-dwarfdump and eu-readelf print them. */

import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import type { Fde } from "../../../src/dwarf/read/frame/entry.ts";
import { frameRow, frameRowText } from "../../../src/dwarf/read/frame/row.ts";
import { FrameRows } from "../../../src/dwarf/read/frame/rows.ts";
import { FrameSection } from "../../../src/dwarf/read/frame/section.ts";
import { frameInstructionTexts } from "../../../src/dwarf/read/frame/text.ts";
import type { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import { EM } from "../../../src/elf/constants/machine.ts";
import {
  fromStart,
  type OracleFrame,
  openFrames,
  ourInstructions,
  ourRows,
  readelfInstructions,
  readelfRows,
} from "../../dwarf/read/frame-oracles.ts";
import type { Comparison, Oracle } from "./compare.ts";
import { seenByElfutils } from "./file.ts";

/** Compares the rows, and the instructions, of all frames of a file with `readelf -wF` and `-wf`. */
export function compareFrames(path: string): Comparison {
  const result: Comparison = { lines: 0, differences: [], excused: new Map() };
  const sections = openFrames(path);
  if (sections.length === 0) return result;
  // readelf does not apply the relocations of MIPS to starts: places are compared from there.
  const isMips = sections.some(({ machine }) => machine === EM.EM_MIPS);
  const from = isMips ? fromStart : (frames: OracleFrame[]): OracleFrame[] => frames;
  compare(result, from(sections.flatMap(ourRows)), from(readelfRows(path)));
  compare(result, from(sections.flatMap(ourInstructions)), from(readelfInstructions(path)));
  return result;
}

function compare(result: Comparison, ours: readonly OracleFrame[], theirs: readonly OracleFrame[]): void {
  const text = (frame: OracleFrame | undefined): string =>
    frame === undefined ? "(none)" : `${head(frame)}\n${frame.lines.join("\n")}`;
  for (let index = 0; index < Math.max(ours.length, theirs.length); index++) {
    result.lines += theirs[index]?.lines.length ?? 0;
    const [mine, their] = [text(ours[index]), text(theirs[index])];
    if (mine !== their && result.differences.length < 8)
      result.differences.push(`ours:   ${mine}\ntheirs: ${their}`);
  }
}

function head({ section, offset, cie, start, size }: OracleFrame): string {
  return `${section} ${offset.toString(16)} cie ${cie.toString(16)} ${start.toString(16)}+${size.toString(16)}`;
}

/** Compares the rows of all frames with `llvm-dwarfdump --debug-frame`, which prints both sections. */
export function llvmFramesOracle(path: string, dwarf: Dwarf): Oracle {
  let current: Fde | undefined;
  const excuse = (ours: string, theirs: string): string | undefined => {
    const sameButCfa = ours.replace(CFA, "") === theirs.replace(CFA, "");
    return sameButCfa && current !== undefined && restoresState(current)
      ? "LLVM: DW_CFA_restore_state leaves the CFA as it is"
      : undefined;
  };
  const ours = llvmRows(dwarf, (fde) => {
    current = fde;
  });
  const { machine } = dwarf.sections.elf.image;
  const named = machine === EM.EM_X86_64 || machine === EM.EM_386;
  const normal = named ? normalLlvm : () => undefined;
  return { tool: "llvm-dwarfdump", args: ["--debug-frame", path], ours, normal, excuse };
}

const CFA = /CFA=[^:]*/;

function restoresState(fde: Fde): boolean {
  for (const text of frameInstructionTexts(fde)) if (text === "DW_CFA_restore_state") return true;
  return false;
}

function* llvmRows(dwarf: Dwarf, begin: (fde: Fde) => void): Generator<string> {
  for (const frames of FrameSection.all(dwarf)) {
    // For other machines it has other names of registers; readelf gives their numbers.
    if (frames.machine !== EM.EM_X86_64 && frames.machine !== EM.EM_386) continue;
    let rows: FrameRows | undefined;
    for (const fde of frames.fdes()) {
      begin(fde);
      const start = fde.start.resolve();
      if (rows === undefined) rows = new FrameRows(fde);
      else rows.reset(fde);
      while (rows.next()) {
        const text = frameRowText(frameRow(rows), frames.machine).toUpperCase();
        yield `${(start + BigInt(rows.start)).toString(16)}: ${text}`;
      }
    }
  }
}

function normalLlvm(line: string): string | undefined {
  const row = /^ {2}0x([0-9a-f]+): (CFA=.*)$/.exec(line);
  return row === null ? undefined : `${BigInt(`0x${row[1]}`).toString(16)}: ${row[2]?.toUpperCase()}`;
}

/** Compares which code each frame covers, by section and offset, with `eu-readelf --debug-dump=frames`. */
export function euFramesOracle(path: string, dwarf: Dwarf): Oracle {
  const args = ["-N", "--debug-dump=frames", path];
  return { tool: "eu-readelf", args, ours: euFrames(dwarf), normal: normalEu, excuse: excuseEu };
}

function* euFrames(dwarf: Dwarf): Generator<string> {
  for (const frames of FrameSection.all(dwarf).reverse()) {
    if (!seenByElfutils(frames.reader.section)) continue;
    for (const at = frames.entries(); at.next(); ) {
      const offset = at.offset.toString(16);
      if (at.isCie) yield `${offset} CIE`;
      else {
        const fde = frames.fde(at);
        yield `${offset} FDE ${fde.cie.offset.toString(16)}`;
        yield `initial_location ${placeText(fde.start)}`;
        yield `address_range ${fde.size.toString(16)}`;
      }
    }
  }
}

function placeText(place: Relocatable): string {
  const { target, addend } = place.info();
  const offset = addend + (target?.symbol.value ?? 0n);
  return `${target?.sectionName ?? ""}+${offset.toString(16)}`;
}

function normalEu(line: string): string | undefined {
  const entry = /^ \[ *([0-9a-f]+)\] (?:(CIE) length|FDE length=\d+ cie=\[ *([0-9a-f]+)\])/.exec(line);
  if (entry !== null) return `${entry[1]} ${entry[2] ?? `FDE ${entry[3]}`}`;
  const start = /^ {3}initial_location: +(?:(\S*)\+)?(?:0x)?([0-9a-f]+)/.exec(line);
  if (start !== null) return `initial_location ${start[1] ?? ""}+${BigInt(`0x${start[2]}`).toString(16)}`;
  const range = /^ {3}address_range: +0x([0-9a-f]+)/.exec(line);
  return range === null ? undefined : `address_range ${range[1]}`;
}

function excuseEu(ours: string, theirs: string): string | undefined {
  const head = "initial_location ";
  if (!ours.startsWith(head) || !theirs.startsWith(head)) return undefined;
  const [section = "", offset] = ours.slice(head.length).split("+");
  const [theirSection = "", theirOffset] = theirs.slice(head.length).split("+");
  if (theirSection === "" && offset === theirOffset) return "eu-readelf: names no section";
  return section === theirSection ? undefined : "eu-readelf: names a section that it lays over the right one";
}
