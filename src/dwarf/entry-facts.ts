/**
 * What an entry says of itself when all is followed that it refers to, over units and files: where it is declared, how the
 * linker calls it, what it is inlined into, and which units a unit imports. References that lead back are errors, not loops.
 */
import { DW_AT } from "./constants/attribute.ts";
import { DW_TAG } from "./constants/tag.ts";
import { type Attribute, type Die, rootEntry } from "./die.ts";
import type { DwarfUnit } from "./dwarf.ts";
import type { LineHeader } from "./read/line/header.ts";
import { unitLineHeader } from "./read/line/unit.ts";
import type { DebugSection } from "./section.ts";

/** A place in source code. */
export interface SourcePlace {
  /** Path of the file, joined with its directory; `undefined` when it is not told. */
  readonly file: string | undefined;
  /** From 1 on; 0 when it is not told. */
  readonly line: number;
  readonly column: number;
}

/** A function whose code an address is in. */
export interface InlineFrame {
  /** `DW_TAG_inlined_subroutine`, of the outermost `DW_TAG_subprogram`. */
  readonly die: Die;
  readonly name: string | undefined;
  /** Where the next frame calls it; `undefined` of the outermost. */
  readonly call: SourcePlace | undefined;
}

const lineHeaders = new WeakMap<DwarfUnit, { readonly header: LineHeader | undefined }>();

/**
 * Where an entry is declared: `DW_AT_decl_file`, `DW_AT_decl_line`, `DW_AT_decl_column`, each its own or that of the entry
 * that it completes. [DWARF5 2.14]
 * @returns `undefined` when no line is told
 * @throws DwarfError
 */
export function declarationPlace(die: Die): SourcePlace | undefined {
  const { DW_AT_decl_file, DW_AT_decl_line, DW_AT_decl_column } = DW_AT;
  const [file, line, column] = [DW_AT_decl_file, DW_AT_decl_line, DW_AT_decl_column].map((one) =>
    die.inherited(one),
  );
  return line && sourcePlace(file, line, column);
}

/** Where an inlined function, or a call, is called: `DW_AT_call_file` and beside it. [DWARF5 3.3.8.2] @throws DwarfError */
export function callPlace(die: Die): SourcePlace | undefined {
  const line = die.attribute(DW_AT.DW_AT_call_line);
  return (
    line && sourcePlace(die.attribute(DW_AT.DW_AT_call_file), line, die.attribute(DW_AT.DW_AT_call_column))
  );
}

/** How the linker calls an entry: `DW_AT_linkage_name`, its own or that of the entry that it completes. @throws DwarfError */
export function linkageName(die: Die): string | undefined {
  return (die.inherited(DW_AT.DW_AT_linkage_name) ?? die.inherited(DW_AT.DW_AT_MIPS_linkage_name))?.string;
}

/**
 * The functions that an entry is in, from within: those inlined around it, itself if it is one, then the function whose
 * code it is. Empty where there is none.
 * @throws DwarfError
 */
export function inlineChain(die: Die): InlineFrame[] {
  const frames: InlineFrame[] = [];
  for (let at: Die | undefined = die; at !== undefined; at = at.parent) {
    const isInlined = at.tag === DW_TAG.DW_TAG_inlined_subroutine;
    if (!isInlined && at.tag !== DW_TAG.DW_TAG_subprogram) continue;
    frames.push({ die: at, name: at.name, call: isInlined ? callPlace(at) : undefined });
    if (!isInlined) break;
  }
  return frames;
}

/**
 * The units that a unit imports, directly or not, each once: partial units, of the supplementary file too, whose entries
 * count as if they were in it. [DWARF5 3.2.5, E.1]
 * @throws DwarfError
 */
export function* importedUnits(unit: DwarfUnit): IterableIterator<DwarfUnit> {
  const seen = new Map<DebugSection, Set<number>>();
  const waiting = [unit];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const found: DwarfUnit[] = [];
    for (const child of rootEntry(one).children()) {
      if (child.tag !== DW_TAG.DW_TAG_imported_unit) continue;
      const imported = child.attribute(DW_AT.DW_AT_import)?.reference?.unit;
      if (imported !== undefined && isFirst(seen, imported)) found.push(imported);
    }
    yield* found;
    waiting.push(...found.reverse());
  }
}

function isFirst(seen: Map<DebugSection, Set<number>>, { reader, header }: DwarfUnit): boolean {
  let offsets = seen.get(reader.section);
  if (offsets === undefined) {
    offsets = new Set();
    seen.set(reader.section, offsets);
  }
  const before = offsets.size;
  return offsets.add(header.offset).size > before;
}

function sourcePlace(
  file: Attribute | undefined,
  line: Attribute,
  column: Attribute | undefined,
): SourcePlace {
  return {
    file: file && filePath(file.unit, Number(file.constant)),
    line: Number(line.constant),
    column: Number(column?.constant ?? 0n),
  };
}

/** File numbers count in the line table of the unit that has them. */
function filePath(unit: DwarfUnit, file: number): string | undefined {
  let known = lineHeaders.get(unit);
  if (known === undefined) {
    known = { header: unitLineHeader(unit) };
    lineHeaders.set(unit, known);
  }
  return known.header?.path(file, (unit.skeleton ?? unit).rootString(DW_AT.DW_AT_comp_dir));
}
