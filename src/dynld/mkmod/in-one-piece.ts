/** Sections of strings and constants that have to stay as they are, though they say that they may be merged. */
import { SHF, SHT } from "../../elf/constants/section.ts";
import { STT } from "../../elf/constants/symbol.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import { type CodeFormula, storedAddend } from "../../elf/machine/relocate/row.ts";
import type { ElfSection } from "../../elf/section.ts";
import type { LinkInput } from "../link/input.ts";

/**
 * Values of which the addend to a section's symbol tells what is meant: of those that are relative to their place it may
 * count from elsewhere in the instruction, too.
 */
const TELLING: ReadonlySet<CodeFormula> = new Set(["S + A", "S + A - GOT", "Page(S + A) - Page(P)"]);

/**
 * Those of an input that are relocated themselves, and those that relocations refer to in a way that does not tell which
 * of their entries is meant. @returns section indices
 */
export function sectionsInOnePiece(input: LinkInput): ReadonlySet<number> {
  const whole = new Set<number>();
  if (!input.sections.some(isMergeable)) return whole;
  for (const section of input.sections) {
    if (section.type !== SHT.SHT_RELA && section.type !== SHT.SHT_REL) continue;
    whole.add(section.info);
    addReferredTo(input, section, whole);
  }
  return whole;
}

function addReferredTo({ elf, symtab, sections }: LinkInput, records: ElfSection, whole: Set<number>): void {
  const target = sections[records.info];
  if (target === undefined || symtab === undefined) return;
  const table = elf.relocations(records);
  const rows = codeRelocations(table.machine);
  const { little } = elf.image;
  const { buffer, byteOffset, byteLength } = target.bytes();
  const view = new DataView(buffer, byteOffset, byteLength);
  for (let i = 0; i < table.length; i++) {
    const symbol = table.symbol(i);
    if (symbol >= symtab.length || symtab.type(symbol) !== STT.STT_SECTION) continue;
    const index = symtab.sectionIndex(symbol);
    const section = sections[index];
    if (section === undefined || whole.has(index) || !isMergeable(section)) continue;
    const row = rows[table.type(i)];
    const at = table.offset(i);
    // What is wrong with it is told by those who apply it.
    if (row === undefined || !(at + row.size <= byteLength)) continue;
    const addend = Number(table.addend(i) ?? storedAddend(view, at, little, row));
    if (!TELLING.has(row.formula) || addend < 0 || addend >= section.bytes().length) whole.add(index);
  }
}

function isMergeable(section: ElfSection): boolean {
  return section.hasFlags(SHF.SHF_MERGE);
}
