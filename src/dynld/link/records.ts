/** The relocations of loaded sections, checked once: known types, places inside their section, symbols that exist. */
import { SHT } from "../../elf/constants/section.ts";
import { relocationTypeName } from "../../elf/machine/registry.ts";
import type { CodeRelocation } from "../../elf/machine/relocate/row.ts";
import { RelocationTable } from "../../elf/relocation.ts";
import type { ElfSection } from "../../elf/section.ts";
import { linkError } from "./fault.ts";
import type { LinkInput } from "./input.ts";
import type { Piece, SectionPlan } from "./sections.ts";

/** The relocations of one piece in one table. */
export interface PieceRecords {
  readonly piece: Piece;
  /** The section that holds them. */
  readonly section: ElfSection;
  /** Numbers of the input's symbols. */
  readonly ids: Int32Array;
  /** Nobody looks at what it says of functions that are not there: frames and exception tables. */
  readonly lenient: boolean;
}

/** Bytes of records that are read at once from a file that is not in memory: a multiple of all records' sizes. */
const WINDOW = 24 * 0x8000;

/**
 * The records themselves, in order, as one table or, where they would take memory only to be looked at, as tables of which
 * each is valid until the next.
 */
export function* tablesOf({ piece, section }: PieceRecords): IterableIterator<RelocationTable> {
  const { elf } = piece.input;
  const kind = section.type === SHT.SHT_REL ? "REL" : "RELA";
  if (elf.image.source.readInto === undefined || section.compressed) {
    yield elf.relocations(section);
    return;
  }
  const buffer = new Uint8Array(Math.min(WINDOW, section.rawSize));
  for (let at = 0; at < section.size; at += buffer.length) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, section.size - at));
    section.copyRaw(bytes, at);
    yield new RelocationTable(elf.image, kind, bytes, section.label);
  }
}

/** All tables that apply to loaded sections. @throws DynldError DYNLD_BAD_VALUE for one that leads nowhere */
export function relocationsOf(
  inputs: readonly LinkInput[],
  plan: SectionPlan,
  ids: ReadonlyMap<LinkInput, Int32Array>,
): PieceRecords[] {
  const found: PieceRecords[] = [];
  for (const input of inputs) {
    const pieces = plan.pieceOf.get(input);
    for (const section of input.sections) {
      if (section.type !== SHT.SHT_RELA && section.type !== SHT.SHT_REL) continue;
      const target = pieces?.[section.info];
      if (target === undefined || section.info === 0) {
        const what = `target of relocations: found section ${section.info}, expected 1 to ${input.sections.length - 1}`;
        throw linkError("DYNLD_BAD_VALUE", input.name, section.label, undefined, what);
      }
      const piece = plan.pieces[target];
      if (piece === undefined) continue;
      if (section.rawSize === 0) continue;
      if (section.link !== input.symtabIndex) {
        const what = `symbols of relocations: found section ${section.link}, expected the symbol table ${input.symtabIndex}`;
        throw linkError("DYNLD_BAD_VALUE", input.name, section.label, undefined, what);
      }
      const lenient = piece.part === "frames" || piece.section.label.startsWith(".gcc_except_table");
      found.push({ piece, section, ids: ids.get(input) ?? new Int32Array(0), lenient });
    }
  }
  return found;
}

/**
 * The row of record `index`.
 * @param rows of the machine, by type
 * @throws DynldError DYNLD_BAD_RELOCATION for a type that is not known, a place outside the section or no symbol;
 *   DYNLD_UNSUPPORTED for thread-local storage
 */
export function checkRecord(
  records: PieceRecords,
  table: RelocationTable,
  rows: readonly (CodeRelocation | undefined)[],
  index: number,
): CodeRelocation {
  const { piece, ids } = records;
  const type = table.type(index);
  const row = rows[type];
  if (row === undefined) {
    const what = `found ${relocationTypeName(table.machine, type)}, expected a known type`;
    return refuse(records, table, index, "DYNLD_BAD_RELOCATION", what);
  }
  const isEmpty = piece.section.type === SHT.SHT_NOBITS;
  if (!(table.offset(index) + row.size <= piece.size) || isEmpty) {
    const what = `found outside the section's ${isEmpty ? 0 : piece.size} bytes of contents`;
    return refuse(records, table, index, "DYNLD_BAD_RELOCATION", `${table.typeName(index)}: ${what}`);
  }
  const symbol = table.symbol(index);
  if (symbol >= ids.length) {
    const what = `found symbol ${symbol}, expected less than ${ids.length}`;
    return refuse(records, table, index, "DYNLD_BAD_RELOCATION", `${table.typeName(index)}: ${what}`);
  }
  if (row.formula === "TLS") {
    const what = "this way to thread-local storage is not known here";
    return refuse(records, table, index, "DYNLD_UNSUPPORTED", `${table.typeName(index)}: ${what}`);
  }
  return row;
}

function refuse(
  { piece }: PieceRecords,
  table: RelocationTable,
  index: number,
  code: "DYNLD_BAD_RELOCATION" | "DYNLD_UNSUPPORTED",
  what: string,
): never {
  throw linkError(code, piece.input.name, piece.section.label, table.offset(index), what);
}
