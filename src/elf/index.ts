/** `bindery/elf`: reading, writing and editing ELF files, and reading `ar` archives. Pure: no Node built-ins, nothing native. */
export {
  type ByteSource,
  bufferSource,
  type CountingSource,
  countingSource,
  sliceSource,
} from "../bytes/source.ts";
export {
  Archive,
  type ArchiveMember,
  type ArchiveOptions,
  type ArchiveSymbol,
  isArchive,
} from "./archive.ts";
export type { CompressionHeader } from "./compression.ts";
export {
  DF,
  DF_1,
  DT,
  dynamicFlag1Names,
  dynamicFlagNames,
  dynamicTagName,
} from "./constants/dynamic.ts";
export type { Family } from "./constants/family.ts";
export {
  EI,
  ELFCLASS,
  ELFDATA,
  ELFOSABI,
  ET,
  EV,
  fileTypeName,
  osAbiName,
  PN_XNUM,
} from "./constants/header.ts";
export { EM, machineName } from "./constants/machine.ts";
export {
  AT,
  auxTypeName,
  ELF_NOTE_OS,
  GNU_PROPERTY,
  GNU_PROPERTY_AARCH64,
  GNU_PROPERTY_X86,
  NT_CORE,
  NT_FDO,
  NT_GNU,
  NT_LINUX,
  NT_STAPSDT,
  noteTypeName,
  propertyName,
} from "./constants/note.ts";
export {
  compressionName,
  ELFCOMPRESS,
  GRP,
  SHF,
  SHN,
  SHN_HIRESERVE,
  SHN_LORESERVE,
  SHT,
  sectionFlagNames,
  sectionIndexName,
  sectionTypeName,
} from "./constants/section.ts";
export { PF, PT, segmentFlagNames, segmentTypeName } from "./constants/segment.ts";
export { bindingName, STB, STT, STV, symbolTypeName, visibilityName } from "./constants/symbol.ts";
export {
  VER_DEF_CURRENT,
  VER_FLG,
  VER_NDX,
  VER_NEED_CURRENT,
  VERSYM_HIDDEN,
  VERSYM_VERSION,
  versionFlagNames,
} from "./constants/version.ts";
export type { CoreNoteContent, FileMapping } from "./core-note.ts";
export { type Decompress, type Decompressors, PURE_DECOMPRESSORS } from "./decompressors.ts";
export { demangle } from "./demangle/index.ts";
export type { DynamicEntry, DynamicTable } from "./dynamic.ts";
export { ElfFile, type OpenOptions } from "./file.ts";
export type { SectionGroup } from "./group.ts";
export {
  buildGnuHash,
  buildSysvHash,
  type GnuHash,
  type GnuHashOptions,
  gnuHash,
  type HashLayout,
  type SysvHashOptions,
  sysvHash,
} from "./hash.ts";
export type { GnuHashTable, SysvHashTable } from "./hash-table.ts";
export { type ElfHeader, isElf, type Layout, layoutOf } from "./header.ts";
export type { ElfImage } from "./image.ts";
export type { HashTables } from "./linkage.ts";
export { R_AARCH64 } from "./machine/aarch64.ts";
export { R_ARM } from "./machine/arm.ts";
export { R_386 } from "./machine/i386.ts";
export { R_LARCH } from "./machine/loongarch.ts";
export type { Machine } from "./machine/machine.ts";
export { R_MIPS } from "./machine/mips.ts";
export { R_PPC64 } from "./machine/ppc64.ts";
export { machineFor, relocationTypeName } from "./machine/registry.ts";
export { R_RISCV } from "./machine/riscv.ts";
export { R_390 } from "./machine/s390x.ts";
export { R_X86_64 } from "./machine/x86_64.ts";
export type { ElfNote } from "./note.ts";
export type { GnuProperty, NoteContent } from "./note-content.ts";
export type { ElfRelocation, RelocationKind, RelocationTable } from "./relocation.ts";
export type { ElfSection } from "./section.ts";
export type { ElfSegment } from "./segment.ts";
export type { StringTable } from "./strings.ts";
export type { ElfSymbol, SymbolTable } from "./symbol.ts";
export type { SymbolVersion, VersionDefinition, VersionNeed, VersionTable } from "./version.ts";
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
} from "./write/description.ts";
export type { EditedSection } from "./write/edit/node.ts";
export type { EditedRelocation, NewRelocations } from "./write/edit/records.ts";
export type { EditedSymbol, EditedSymbols, SymbolChange } from "./write/edit/symbols.ts";
export {
  ElfEditor,
  type NewSection,
  type SectionContents,
  type SectionReplacement,
  type WriteOptions,
} from "./write/editor.ts";
export type { Integer } from "./write/put.ts";
export type { StringSharing } from "./write/string-table.ts";
export { writeElf } from "./write/write.ts";
