/** Writing and editing ELF images. */
export type {
  BytesSection,
  DerivedSection,
  DynamicDescription,
  DynamicSection,
  ElfDescription,
  GroupSection,
  NobitsSection,
  RelocationColumns,
  RelocationDescription,
  RelocationSection,
  RelrSection,
  SectionDescription,
  SectionHead,
  SectionRef,
  SegmentDescription,
  StringSection,
  SymbolColumns,
  SymbolDescription,
  SymbolRef,
  SymbolSection,
} from "./description.ts";
export type { EditedSection } from "./edit/node.ts";
export type { EditedRelocation, NewRelocations } from "./edit/records.ts";
export type { EditedSymbol, EditedSymbols, SymbolChange } from "./edit/symbols.ts";
export {
  ElfEditor,
  type NewSection,
  type SectionContents,
  type SectionReplacement,
  type WriteOptions,
} from "./editor.ts";
export type { Integer } from "./put.ts";
export type { StringSharing } from "./string-table.ts";
export { writeElf } from "./write.ts";
