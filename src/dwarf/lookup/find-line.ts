/** From a line of a source file to its code. */
import type { DwarfUnit } from "../dwarf.ts";
import { LineRows } from "../read/line/program.ts";
import type { Relocatable } from "../relocation/relocatable.ts";
import { ABSOLUTE, addressOf } from "./place-reader.ts";
import type { CodeUnits, UnitCode } from "./unit-code.ts";

/** Where the code of a line begins. */
export interface FoundLine {
  /** Section of a relocatable file; `undefined` in a linked one. */
  readonly section: number | undefined;
  /** From the start of the section, or the address. */
  readonly offset: bigint;
  /** The same, relocatable. */
  readonly address: Relocatable;
  /** The whole path. */
  readonly file: string;
  readonly line: number;
  /** From 1; 0 where the row has none. */
  readonly column: number;
  readonly unit: DwarfUnit;
}

/**
 * Where code of a line begins: each first row behind those of other lines, of several the first that is a place for a
 * breakpoint.
 * @param file a path, or its end: whole names, as `fs/inode.c` is of `/usr/src/fs/inode.c`
 * @param skipped is told of units that could not be read
 */
export function* findLine(
  lookup: CodeUnits,
  file: string,
  line: number,
  skipped: (error: unknown) => void,
): IterableIterator<FoundLine> {
  const programs = new Set<unknown>();
  for (const unit of lookup.units) {
    try {
      const code = lookup.codeOf(unit);
      const header = code.header();
      if (header === undefined || programs.has(header)) continue;
      programs.add(header);
      yield* findInUnit(lookup, code, file, line);
    } catch (error) {
      skipped(error);
    }
  }
}

function* findInUnit(
  lookup: CodeUnits,
  code: UnitCode,
  wanted: string,
  line: number,
): IterableIterator<FoundLine> {
  const header = code.header();
  if (header === undefined) return;
  const paths = new Map<number, string>();
  for (let i = 0; i < header.fileCount; i++) {
    const path = code.path(header.firstFile + i);
    if (path !== undefined && isPathEnd(path, wanted)) paths.set(header.firstFile + i, path);
  }
  if (paths.size === 0) return;
  const places = lookup.placesOf(header.reader);
  const rows = new LineRows(header);
  /** The line's run of rows was begun, and a breakpoint's place of it was given. */
  let inside = false;
  let given = false;
  let pending: FoundLine | undefined;
  while (rows.next()) {
    const path = rows.line === line && !rows.endSequence ? paths.get(rows.file) : undefined;
    if (path === undefined) {
      if (pending !== undefined) yield pending;
      pending = undefined;
      inside = false;
      given = false;
      continue;
    }
    if (given || (inside && !rows.isStmt)) continue;
    const base = rows.baseField < 0 ? undefined : places;
    base?.read(rows.baseField, rows.baseSize);
    const section = base?.section ?? ABSOLUTE;
    const found = {
      section: section < 0 ? undefined : section,
      offset: addressOf((base?.offset ?? 0) + rows.distance),
      address: rows.address(),
      file: path,
      line,
      column: rows.column,
      unit: code.unit,
    };
    inside = true;
    given = rows.isStmt;
    pending = given ? undefined : found;
    if (given) yield found;
  }
  if (pending !== undefined) yield pending;
}

/** Whether a path is another's, or ends with its names. */
export function isPathEnd(path: string, wanted: string): boolean {
  const [all, end] = [namesOf(path), namesOf(wanted)];
  if (wanted.startsWith("/") && all.length !== end.length) return false;
  if (end.length === 0 || end.length > all.length) return false;
  return end.every((name, i) => name === all[all.length - end.length + i]);
}

/** The names in a path, without `.` and empty ones; `..` takes the one before it away. */
function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === ".." && names.length > 0 && names.at(-1) !== "..") names.pop();
    else names.push(name);
  }
  return names;
}
