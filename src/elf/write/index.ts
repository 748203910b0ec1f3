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
export type { Integer } from "./put.ts";
export type { StringSharing } from "./string-table.ts";
export { writeElf } from "./write.ts";
