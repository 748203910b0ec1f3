/** The relocations of loaded sections, checked once: known types, places inside their section, symbols that exist. */
import { SHT } from "../../elf/constants/section.ts";
import { relocationTypeName } from "../../elf/machine/registry.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import type { CodeRelocation } from "../../elf/machine/relocate/row.ts";
import type { RelocationTable } from "../../elf/relocation.ts";
import type { ElfSection } from "../../elf/section.ts";
import { linkError } from "./fault.ts";
import type { LinkInput } from "./input.ts";
import type { Piece, SectionPlan } from "./sections.ts";

/** The relocations of one piece in one table. */
export interface PieceRecords {
  readonly piece: Piece;
  readonly table: RelocationTable;
  /** The section that the table is. */
  readonly section: ElfSection;
  /** Numbers of the input's symbols. */
  readonly ids: Int32Array;
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
      const table = input.elf.relocations(section);
      if (table.length === 0) continue;
      if (section.link !== input.symtabIndex) {
        const what = `symbols of relocations: found section ${section.link}, expected the symbol table ${input.symtabIndex}`;
        throw linkError("DYNLD_BAD_VALUE", input.name, section.label, undefined, what);
      }
      found.push({ piece, table, section, ids: ids.get(input) ?? new Int32Array(0) });
    }
  }
  return found;
}

/**
 * The row of record `index`.
 * @throws DynldError DYNLD_BAD_RELOCATION for a type that is not known, a place outside the section or no symbol;
 *   DYNLD_UNSUPPORTED for thread-local storage
 */
export function checkRecord(records: PieceRecords, index: number): CodeRelocation {
  const { table, piece, ids } = records;
  const type = table.type(index);
  const row = codeRelocations(table.machine)[type];
  const offset = table.offset(index);
  const fail = (code: "DYNLD_BAD_RELOCATION" | "DYNLD_UNSUPPORTED", what: string): never => {
    throw linkError(code, piece.input.name, piece.section.label, offset, what);
  };
  if (row === undefined) {
    return fail(
      "DYNLD_BAD_RELOCATION",
      `found ${relocationTypeName(table.machine, type)}, expected a known type`,
    );
  }
  if (!(offset + row.size <= piece.size) || piece.section.type === SHT.SHT_NOBITS) {
    const room = piece.section.type === SHT.SHT_NOBITS ? 0 : piece.size;
    fail(
      "DYNLD_BAD_RELOCATION",
      `${table.typeName(index)}: found outside the section's ${room} bytes of contents`,
    );
  }
  const symbol = table.symbol(index);
  if (symbol >= ids.length) {
    fail(
      "DYNLD_BAD_RELOCATION",
      `${table.typeName(index)}: found symbol ${symbol}, expected less than ${ids.length}`,
    );
  }
  if (row.formula === "TLS") {
    fail("DYNLD_UNSUPPORTED", `${table.typeName(index)}: this way to thread-local storage is not known here`);
  }
  return row;
}
