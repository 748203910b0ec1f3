/** What `readelf -wf` and `-wF` say of a file's call frames, as data, and ours in the same spelling. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { registerName } from "../../../src/dwarf/constants/register.ts";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import type { Cie, Fde } from "../../../src/dwarf/read/frame/entry.ts";
import { frameRow, frameRowText, type RegisterRule } from "../../../src/dwarf/read/frame/row.ts";
import { FrameRows } from "../../../src/dwarf/read/frame/rows.ts";
import { FrameSection } from "../../../src/dwarf/read/frame/section.ts";
import { frameInstructionTexts } from "../../../src/dwarf/read/frame/text.ts";
import type { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import { ElfFile } from "../../../src/elf/file.ts";

/** One FDE: where it is, what it covers, and a line for each instruction or row. */
export interface OracleFrame {
  readonly section: string;
  readonly offset: number;
  readonly cie: number;
  readonly start: bigint;
  readonly size: number;
  readonly lines: string[];
}

export function openFrames(path: string): FrameSection[] {
  const all = FrameSection.all(Dwarf.open(ElfFile.open(readFileSync(path), { name: path })));
  // In the order of readelf.
  return all.reverse();
}

/** Offset in its section, or address: what readelf prints of a place. */
function placeOf(value: Relocatable): bigint {
  const { target, addend } = value.info();
  return BigInt.asUintN(64, addend + (target?.symbol.value ?? 0n));
}

function runReadelf(option: string, path: string): string[] {
  return execFileSync("readelf", [option, "-W", path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  }).split("\n");
}

/** The instructions of all FDEs, and under the CIE's own offset those of its CIE. */
export function readelfInstructions(path: string): OracleFrame[] {
  return parse(runReadelf("-wNf", path), (line) =>
    /^ {2}DW_CFA_/.test(line) ? normal(line.trim()) : undefined,
  );
}

/** A line without names of registers, which readelf knows of some machines only. */
function normal(line: string): string {
  return line.replaceAll(/(\br\d+|DW_OP_b?reg\d+) \([^()]*\)/g, "$1").trimEnd();
}

/** The same frames with places counted from the start of each. */
export function fromStart(frames: readonly OracleFrame[]): OracleFrame[] {
  const distance = (place: string, start: bigint): string => (BigInt(`0x${place}`) - start).toString(16);
  return frames.map((frame) => ({
    ...frame,
    start: 0n,
    lines: frame.lines.map((line) =>
      line
        .replace(/(?<= to )[0-9a-f]+$/, (place) => distance(place, frame.start))
        .replace(/^[0-9a-f]+(?=:)/, (place) => distance(place, frame.start)),
    ),
  }));
}

/** Of all functions of a file's symbol table: section, value and size, sorted; a size that it does not know is 0. */
export function functionRanges(path: string): string[] {
  const text = execFileSync("readelf", ["-sW", path], { encoding: "utf8" });
  return [...text.matchAll(/^\s*\d+: ([0-9a-f]+)\s+(\d+) FUNC .* (\d+) \S+$/gm)]
    .map(([, value = "", size = "", section = ""]) => `${section} ${BigInt(`0x${value}`)} ${size}`)
    .sort();
}

/** The same of FDEs: section, offset in it, and size. */
export function frameRanges(frames: FrameSection): string[] {
  return [...frames.fdes()].map(
    ({ start, size }) => `${start.info().target?.symbol.sectionIndex} ${placeOf(start)} ${size}`,
  );
}

/** The rows that llvm-dwarfdump prints, behind their places: `CFA=RSP+8: RIP=[CFA-8]`, upper case. */
export function llvmRows(path: string): string[] {
  const text = execFileSync("llvm-dwarfdump", ["--eh-frame", path], { encoding: "utf8" });
  return [...text.matchAll(/^ {2}0x[0-9a-f]+: (CFA=.*)$/gm)].map(([, row = ""]) => row.toUpperCase());
}

/** All rows in our own words. */
export function rowTexts(frames: FrameSection): string[] {
  const texts: string[] = [];
  for (const fde of frames.fdes()) {
    const rows = new FrameRows(fde);
    while (rows.next()) texts.push(frameRowText(frameRow(rows), frames.machine).toUpperCase());
  }
  return texts;
}

export function ourInstructions(frames: FrameSection): OracleFrame[] {
  const width = 2 * frames.addressSize;
  const print = (place: Relocatable): string => placeOf(place).toString(16).padStart(width, "0");
  const result: OracleFrame[] = [];
  for (const at = frames.entries(); at.next(); ) {
    const entry = at.isCie ? frames.cie(at) : frames.fde(at);
    const lines = [...frameInstructionTexts(entry, print)].map(normal);
    result.push({ ...head(frames, entry), lines });
  }
  return result;
}

function head(frames: FrameSection, entry: Cie | Fde): Omit<OracleFrame, "lines"> {
  const { section } = frames.reader.section;
  const { offset } = entry;
  if (!("cie" in entry)) return { section, offset, cie: offset, start: 0n, size: 0 };
  return { section, offset, cie: entry.cie.offset, start: placeOf(entry.start), size: entry.size };
}

/** The rows of all FDEs: `2a: 7+16 3=c-24 6=c-16`, registers by number, those without a rule left out. */
export function readelfRows(path: string): OracleFrame[] {
  const machine = ElfFile.open(readFileSync(path)).header.machine;
  const numbers = new Map<string, number>();
  for (let register = 255; register >= 0; register--) numbers.set(registerName(machine, register), register);
  let returnAddress = 0;
  let columns: string[] = [];
  const number = (name: string): string =>
    String(name === "ra" ? returnAddress : (/^r(\d+)$/.exec(name)?.[1] ?? numbers.get(name) ?? name));
  const frames = parse(runReadelf("-wNF", path), (line) => {
    const ra = / CIE ".*ra=(\d+)$/.exec(line);
    if (ra !== null) returnAddress = Number(ra[1]);
    // A register in a register is printed with its name behind it.
    const words = line
      .trim()
      .replaceAll(/ \(\w+\)/g, "")
      .split(/\s+/);
    if (words[0] === "LOC") columns = words.slice(2);
    if (
      !/^[0-9a-f]{8,16} \S/.test(line) ||
      / (CIE|FDE|ZERO) /.test(line) ||
      columns.length + 2 !== words.length
    )
      return undefined;
    const [at = "", cfa = "", ...rules] = words;
    const [, base = "", offset = ""] = /^(\w+)([-+]\d+)$/.exec(cfa) ?? ["", cfa, ""];
    const shown = columns
      .map((column, index) => [Number(number(column)), rules[index] ?? ""] as const)
      .filter(([, rule]) => rule !== "u")
      .sort(([a], [b]) => a - b)
      .map(([register, rule]) => `${register}=${/^r\d+$/.test(rule) ? rule.slice(1) : rule}`);
    return [
      `${BigInt(`0x${at}`).toString(16)}:`,
      `${base === "exp" ? base : number(base)}${offset}`,
      ...shown,
    ].join(" ");
  });
  // A place that is advanced to twice has two rows, of which the last holds.
  for (const { lines } of frames) {
    const last = lines.filter((line, index) => lines[index + 1]?.split(" ")[0] !== line.split(" ")[0]);
    lines.splice(0, lines.length, ...last);
  }
  // An FDE without instructions has no row of its own, but its CIE's.
  for (const { section, cie, start, lines } of frames) {
    const common = frames.find((one) => one.section === section && one.offset === cie)?.lines[0];
    if (lines.length === 0) lines.push(`${start.toString(16)}${common?.slice(common.indexOf(":"))}`);
  }
  return frames.filter(({ cie, offset }) => cie !== offset);
}

export function ourRows(frames: FrameSection): OracleFrame[] {
  const result: OracleFrame[] = [];
  let rows: FrameRows | undefined;
  for (const fde of frames.fdes()) {
    const start = placeOf(fde.start);
    if (rows === undefined) rows = new FrameRows(fde);
    else rows.reset(fde);
    const lines: string[] = [];
    while (rows.next()) {
      const { cfa, rules } = frameRow(rows);
      const shown = [...rules].flatMap(([register, rule]) => ruleLike(register, rule));
      const base =
        cfa.kind === "register"
          ? `${cfa.register}${signed(cfa.offset)}`
          : cfa.kind === "expression"
            ? "exp"
            : "";
      lines.push([`${(start + BigInt(rows.start)).toString(16)}:`, base, ...shown].join(" "));
    }
    result.push({ ...head(frames, fde), lines });
  }
  return result;
}

function ruleLike(register: number, rule: RegisterRule): string[] {
  switch (rule.kind) {
    case "undefined":
    case "constant":
      return [];
    case "same_value":
      return [`${register}=s`];
    case "offset":
      return [`${register}=c${signed(rule.offset)}`];
    case "val_offset":
      return [`${register}=v${signed(rule.offset)}`];
    case "register":
      return [`${register}=${rule.register}`];
    case "expression":
      return [`${register}=exp`];
    case "val_expression":
      return [`${register}=vexp`];
  }
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function parse(lines: readonly string[], pick: (line: string) => string | undefined): OracleFrame[] {
  const frames: OracleFrame[] = [];
  let section = "";
  for (const line of lines) {
    section = /^Contents of the (\S+) section:/.exec(line)?.[1] ?? section;
    const entry =
      /^([0-9a-f]{8,16}) [0-9a-f]+ [0-9a-f]+ (?:CIE|FDE cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+))/.exec(
        line,
      );
    if (entry !== null) {
      const [, at = "", cie = at, from = "0", to = "0"] = entry;
      const start = BigInt(`0x${from}`);
      const size = Number(BigInt(`0x${to}`) - start);
      const [offset, ofCie] = [at, cie].map((text) => Number.parseInt(text, 16));
      frames.push({ section, offset: offset ?? 0, cie: ofCie ?? 0, start, size, lines: [] });
    }
    const picked = pick(line);
    if (picked !== undefined) frames.at(-1)?.lines.push(picked);
  }
  return frames;
}
