/** From places of code to functions, inlined calls and lines: the face of this folder. */
import { ET } from "../../elf/constants/header.ts";
import { SHF } from "../../elf/constants/section.ts";
import { DwarfError } from "../../errors.ts";
import type { Dwarf, DwarfUnit } from "../dwarf.ts";
import { LineHeader } from "../read/line/header.ts";
import { referredSection } from "../read/names/reference.ts";
import type { FieldReader } from "../relocation/field.ts";
import type { DebugSection } from "../section.ts";
import { type FoundFunction, findFunction } from "./find-function.ts";
import { type FoundLine, findLine } from "./find-line.ts";
import { type FoundRow, LineFinder } from "./line-finder.ts";
import { type FunctionName, FunctionNames } from "./names.ts";
import { ABSOLUTE, PlaceReader, signedAddress } from "./place-reader.ts";
import { Plan, SLOT } from "./plan.ts";
import { type Call, type CodeUnits, UnitCode } from "./unit-code.ts";
import { UnitMap, WAYS } from "./unit-map.ts";

/** A function that a place is in, or that was inlined there, and the line that is executed in it. */
export interface CodeFrame {
  /** `DW_AT_name`; `undefined` where no function is known, or it has none. */
  readonly name: string | undefined;
  /** What linkers call the function, where that differs; mangled as it is. */
  readonly linkageName: string | undefined;
  /** Path of the source file, joined with its directories as the compiler wrote them. */
  readonly file: string | undefined;
  /** From 1; 0 where no line is known. */
  readonly line: number;
  /** From 1; 0 where no column is known. */
  readonly column: number;
  readonly discriminator: number;
  /** Whether the row is a recommended place for a breakpoint. Of calls that were inlined: true. */
  readonly isStmt: boolean;
  /** The function was inlined into that of the next frame. */
  readonly inlined: boolean;
  /** `DW_LANG_` value of the unit; 0 where it does not say. */
  readonly language: number;
  /** The unit that says so. */
  readonly unit: DwarfUnit;
  /** Offset of the function's entry in its section; `undefined` where no function is known. */
  readonly entry: number | undefined;
}

/** What is known of a place. */
export interface CodeAnswer {
  /** The innermost function first; empty where nothing is known. */
  readonly frames: readonly CodeFrame[];
  /** What could not be read on the way; the rest is there. */
  readonly errors: readonly DwarfError[];
}

const NONE: readonly DwarfError[] = [];
const NOTHING: CodeAnswer = { frames: [], errors: NONE };

/** Finds functions and lines by place. Tables are made at the first question to each unit, and kept. */
export class CodeLookup implements CodeUnits {
  readonly dwarf: Dwarf;
  readonly #readers = new Map<FieldReader, PlaceReader>();
  readonly #plans = new Map<DebugSection, Map<number, Plan>>();
  readonly #headers = new Map<FieldReader, Map<number, LineHeader>>();
  readonly #lines = new Map<LineHeader, LineFinder>();
  readonly #codes = new Map<DwarfUnit, UnitCode>();
  readonly #bodies = new Map<UnitCode, UnitCode>();
  readonly #names = new FunctionNames((unit) => this.codeOf(unit).scanner);
  readonly #errors: DwarfError[] = [];
  #map: UnitMap | undefined;
  #zeroIsDiscarded: boolean | undefined;

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.dwarf = dwarf;
  }

  /** What could not be read of the file as a whole: units, or tables of them. The rest is found. */
  get errors(): readonly DwarfError[] {
    return this.#errors;
  }

  /** The units that may have code. Reads every unit's header at the first question. */
  get units(): readonly DwarfUnit[] {
    return this.#unitMap().units;
  }

  /**
   * The functions and lines at a place.
   * @param section index of the section in a relocatable file, whose sections are never confused; `undefined` in a linked
   *   one
   * @param offset from the start of the section; the address in a linked file
   */
  at(section: number | undefined, offset: bigint): CodeAnswer {
    const index = section ?? ABSOLUTE;
    const from = signedAddress(offset);
    const quick = this.#quickFrames(index, from);
    if (quick !== undefined) return { frames: quick, errors: NONE };
    const errors: DwarfError[] = [];
    for (let way = 0; way < WAYS; way++) {
      for (const unit of this.#unitMap().find(way, index, from)) {
        const frames = this.#framesIn(unit, index, from, errors);
        if (frames.length > 0) return { frames, errors };
      }
    }
    return errors.length === 0 ? NOTHING : { frames: [], errors };
  }

  /** The unit that covers a place; `undefined` where none does. */
  unitAt(section: number | undefined, offset: bigint): DwarfUnit | undefined {
    const [index, from] = [section ?? ABSOLUTE, signedAddress(offset)];
    for (let way = 0; way < WAYS; way++) {
      const [found] = this.#unitMap().find(way, index, from);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Code of all functions of a name, in the order of the file. Units that can't be read are noted in {@link errors}.
   * @param name as the source has it, without namespaces, or as linkers have it
   * @param options.inlined also copies that were inlined
   */
  functions(name: string, options: { readonly inlined?: boolean } = {}): FoundFunction[] {
    return [...findFunction(this, name, options.inlined === true, (error) => note(this.#errors, error))];
  }

  /**
   * Where code of a line begins. Units that can't be read are noted in {@link errors}.
   * @param file a path, or its end: whole names, as `fs/inode.c` is of `/usr/src/fs/inode.c`
   */
  lines(file: string, line: number): FoundLine[] {
    return [...findLine(this, file, line, (error) => note(this.#errors, error))];
  }

  /** What the entries and lines of a unit say of code. @throws DwarfError */
  codeOf(unit: DwarfUnit): UnitCode {
    let code = this.#codes.get(unit);
    if (code === undefined) {
      code = new UnitCode(unit, this);
      this.#codes.set(unit, code);
    }
    return code;
  }

  /** The code of the unit that has the functions: of a skeleton, its split unit. @throws DwarfError */
  bodyOf(unit: DwarfUnit): UnitCode {
    const code = this.codeOf(unit);
    let body = this.#bodies.get(code);
    if (body === undefined) {
      const isSkeleton = code.scanner.decodeRoot() && code.scanner.forms[SLOT.DWO] !== 0;
      const split = isSkeleton ? unit.split : undefined;
      body = split === undefined ? code : new UnitCode(split, this, code);
      if (split !== undefined) this.#codes.set(split, body);
      this.#bodies.set(code, body);
    }
    return body;
  }

  /** Names of functions by their entries. */
  get names(): FunctionNames {
    return this.#names;
  }

  get zeroIsDiscarded(): boolean {
    if (this.#zeroIsDiscarded === undefined) {
      const { elf } = this.dwarf.sections;
      const isLinked = elf.header.type !== ET.ET_REL;
      this.#zeroIsDiscarded =
        isLinked &&
        !elf.sections.some(
          ({ flags, addr, size }) => (flags & SHF.SHF_ALLOC) !== 0 && addr === 0n && size > 0,
        );
    }
    return this.#zeroIsDiscarded;
  }

  /** Where the addresses are that a section's fields hold; one reader for each section. */
  placesOf(reader: FieldReader): PlaceReader {
    let places = this.#readers.get(reader);
    if (places === undefined) {
      places = new PlaceReader(reader);
      this.#readers.set(reader, places);
    }
    return places;
  }

  planOf(unit: DwarfUnit): Plan {
    const { abbrevField, offsetSize, addressSize, version } = unit.header;
    const offset = unit.reader.offset(abbrevField, offsetSize) + unit.contribution("debug_abbrev").offset;
    const section = unit.dwarf.sections.need("debug_abbrev", unit.isSplit);
    const plans = nested(this.#plans, section);
    // Sizes differ by these.
    const key = ((offset * 16 + addressSize) * 16 + offsetSize) * 2 + (version === 2 ? 1 : 0);
    let plan = plans.get(key);
    if (plan === undefined) {
      plan = Plan.read(section, offset, unit.header);
      plans.set(key, plan);
    }
    return plan;
  }

  headerAt(unit: DwarfUnit, field: number, offset: number): LineHeader | undefined {
    const { dwarf, reader: its } = unit;
    const reader = referredSection(dwarf, its, field, unit.header.offsetSize, "debug_line");
    if (reader === undefined) return undefined;
    const headers = nested(this.#headers, reader);
    const at = offset + unit.contribution("debug_line").offset;
    let header = headers.get(at);
    if (header === undefined) {
      const strings = { stringOf: (form: number, value: number) => dwarf.stringOf(form, value, unit) };
      header = LineHeader.read(reader, at, strings);
      headers.set(at, header);
    }
    return header;
  }

  linesOf(header: LineHeader): LineFinder {
    let lines = this.#lines.get(header);
    if (lines === undefined) {
      lines = new LineFinder(header, this.placesOf(header.reader));
      this.#lines.set(header, lines);
    }
    return lines;
  }

  #unitMap(): UnitMap {
    this.#map ??= new UnitMap(
      this.dwarf,
      this,
      (unit) => this.bodyOf(unit),
      (error) => note(this.#errors, error),
    );
    return this.#map;
  }

  /** The answer where nothing is wrong, by the unit that is found first; `undefined`: look again, with care. */
  #quickFrames(section: number, offset: number): CodeFrame[] | undefined {
    const unit = this.#unitMap().first(section, offset);
    if (unit === undefined) return undefined;
    try {
      const code = this.bodyOf(unit);
      const row = code.rowAt(section, offset);
      const entry = code.functionAt(section, offset, row);
      if (row === undefined && entry < 0) return undefined;
      const chain = entry < 0 ? NOTHING_INLINED : code.inlines.chain(entry, section, offset);
      const frames: CodeFrame[] = [];
      let call = row === undefined ? UNKNOWN : callAt(row, code.path(row.file));
      for (let depth = chain.length - 1; depth >= 0; depth--) {
        const at = chain[depth] ?? entry;
        frames.push(frameOf(code, at, this.#names.of(code, at), call, true));
        call = callOf(code, at);
      }
      frames.push(frameOf(code, entry, entry < 0 ? UNNAMED : this.#names.of(code, entry), call, false));
      return frames;
    } catch (error) {
      if (error instanceof DwarfError) return undefined;
      throw error;
    }
  }

  /** What can be found, however much can't be read. */
  #framesIn(unit: DwarfUnit, section: number, offset: number, errors: DwarfError[]): CodeFrame[] {
    const code = attempt(errors, () => this.bodyOf(unit));
    if (code === undefined) return [];
    const row = attempt(errors, () => code.rowAt(section, offset));
    const entry = attempt(errors, () => code.functionAt(section, offset, row)) ?? -1;
    if (row === undefined && entry < 0) return [];
    const chain = entry < 0 ? [] : (attempt(errors, () => code.inlines.chain(entry, section, offset)) ?? []);
    const nameOf = (at: number): FunctionName =>
      at < 0 ? UNNAMED : (attempt(errors, () => this.#names.of(code, at)) ?? UNNAMED);
    const path = row && attempt(errors, () => code.path(row.file));
    const frames: CodeFrame[] = [];
    let call: Call = row === undefined ? UNKNOWN : callAt(row, path);
    for (let depth = chain.length; depth > 0; depth--) {
      const at = chain[depth - 1] ?? entry;
      frames.push(frameOf(code, at, nameOf(at), call, true));
      call = attempt(errors, () => callOf(code, at)) ?? UNKNOWN;
    }
    frames.push(frameOf(code, entry, nameOf(entry), call, false));
    return frames;
  }
}

const UNNAMED: FunctionName = { name: undefined, linkageName: undefined };
const UNKNOWN: Call = { file: undefined, line: 0, column: 0, discriminator: 0, isStmt: false };
const NOTHING_INLINED: readonly number[] = [];

function frameOf(
  code: UnitCode,
  entry: number,
  { name, linkageName }: FunctionName,
  call: Call,
  inlined: boolean,
): CodeFrame {
  return {
    name,
    linkageName,
    file: call.file,
    line: call.line,
    column: call.column,
    discriminator: call.discriminator,
    isStmt: call.isStmt,
    inlined,
    language: code.language,
    unit: code.unit,
    entry: entry < 0 ? undefined : entry,
  };
}

function callAt({ line, column, discriminator, isStmt }: FoundRow, file: string | undefined): Call {
  return { file, line, column, discriminator, isStmt };
}

/** Where the function of an entry was called that was inlined. @throws DwarfError */
function callOf(code: UnitCode, entry: number): Call {
  let call = code.calls.get(entry);
  if (call === undefined) {
    const { scanner } = code;
    scanner.decodeAt(entry);
    const file = scanner.number(SLOT.CALL_FILE);
    const line = scanner.number(SLOT.CALL_LINE);
    const column = scanner.number(SLOT.CALL_COLUMN);
    const discriminator = scanner.number(SLOT.DISCRIMINATOR);
    call = { file: code.path(file), line, column, discriminator, isStmt: true };
    code.calls.set(entry, call);
  }
  return call;
}

function nested<Key, Value>(maps: Map<Key, Map<number, Value>>, key: Key): Map<number, Value> {
  let map = maps.get(key);
  if (map === undefined) {
    map = new Map();
    maps.set(key, map);
  }
  return map;
}

/** What a reader gives; where it meets malformed input, that is noted, and the answer is `undefined`. */
function attempt<Value>(errors: DwarfError[], read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    note(errors, error);
    return undefined;
  }
}

function note(errors: DwarfError[], error: unknown): void {
  if (!(error instanceof DwarfError)) throw error;
  errors.push(error);
}
