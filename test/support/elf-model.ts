/** What our reader says of a file, in the shape and spelling of readelf, so that the two can be compared whole. */
import type { ElfFile, ElfNote, ElfSymbol, RelocationTable, SymbolTable } from "../../src/elf/index.ts";
import {
  bindingName,
  ELFOSABI,
  EM,
  fileTypeName,
  SHT,
  sectionFlagNames,
  sectionIndexName,
  sectionTypeName,
  segmentTypeName,
  symbolTypeName,
  versionFlagNames,
  visibilityName,
} from "../../src/elf/index.ts";
import type { Description } from "./elf-readelf.ts";

const LETTERS: Readonly<Record<string, string>> = {
  SHF_WRITE: "W",
  SHF_ALLOC: "A",
  SHF_EXECINSTR: "X",
  SHF_MERGE: "M",
  SHF_STRINGS: "S",
  SHF_INFO_LINK: "I",
  SHF_LINK_ORDER: "L",
  SHF_OS_NONCONFORMING: "O",
  SHF_GROUP: "G",
  SHF_TLS: "T",
  SHF_COMPRESSED: "C",
  SHF_GNU_RETAIN: "R",
  SHF_EXCLUDE: "E",
  SHF_X86_64_LARGE: "l",
  SHF_ARM_PURECODE: "y",
  SHF_MIPS_NOSTRIP: "o",
  SHF_MIPS_GPREL: "p",
};

/** Spellings of readelf that are not just ours without the prefix. */
const SPELLING: Readonly<Record<string, string>> = {
  SHT_GNU_versym: "VERSYM",
  SHT_GNU_verdef: "VERDEF",
  SHT_GNU_verneed: "VERNEED",
  SHT_MIPS_ABIFLAGS: "MIPS_ABIFLAGS",
  STT_GNU_IFUNC: "IFUNC",
  STB_GNU_UNIQUE: "UNIQUE",
  SHN_UNDEF: "UND",
  SHN_ABS: "ABS",
  SHN_COMMON: "COM",
  SHN_MIPS_SCOMMON: "SCOM",
};

/** readelf's word for a constant of ours: without the family's prefix, save where it has a spelling of its own. */
function word(name: string): string {
  // LLVM's section types are numbers to readelf.
  if (name.startsWith("SHT_LLVM_")) {
    const value = (SHT as Readonly<Record<string, number>>)[name] ?? 0;
    return `LOOS+0x${(value - 0x60000000).toString(16)}`;
  }
  return SPELLING[name] ?? name.replace(/^[A-Z]+_/, "");
}

/** Everything about `file`, as readelf would tell it. */
export function describe(file: ElfFile): Description {
  const { machine } = file.header;
  const symbols: Record<string, unknown[]> = {};
  const relocations: Record<string, unknown[]> = {};
  for (const section of file.sections) {
    if (section.type === SHT.SHT_SYMTAB || section.type === SHT.SHT_DYNSYM) {
      symbols[section.name] = symbolRows(file, file.symbols(section));
    }
    if (section.type === SHT.SHT_RELA || section.type === SHT.SHT_REL || section.type === SHT.SHT_RELR) {
      const rows = relocationRows(file, file.relocations(section));
      if (rows.length > 0) relocations[section.name] = rows;
    }
  }
  const versions = file.versions();
  const hashes = file.hashTables();
  return {
    header: headerRows(file),
    sections: file.sections.map((one) => [
      one.index,
      one.name,
      word(sectionTypeName(one.type, machine)),
      one.addr,
      one.offset,
      one.size,
      one.entsize,
      sectionFlagNames(one.flags, machine)
        .map((name) => (name === "SHF_GNU_RETAIN" && !gnu(file) ? "o" : (LETTERS[name] ?? "?")))
        .join(""),
      one.link,
      one.info,
      one.addralign,
    ]),
    segments: file.segments.map((one) => [
      segmentWord(segmentTypeName(one.type, machine)),
      BigInt(one.offset),
      one.vaddr,
      one.paddr,
      BigInt(one.filesz),
      one.memsz,
      ["R", "W", "E"].map((letter, i) => (((one.flags >> (2 - i)) & 1) === 1 ? letter : " ")).join(""),
      BigInt(one.align),
    ]),
    symbols,
    relocations,
    dynamic: dynamicRows(file),
    notes: file.notes().map(noteRow),
    versionEntries: Array.from({ length: versions.length }, (_, i) => {
      const entry = versions.entry(i) ?? 0;
      const index = entry & 0x7fff;
      const name = index === 0 ? "*local*" : index === 1 ? "*global*" : (versions.named(index)?.name ?? "");
      return `${index}${entry >= 0x8000 ? "h" : ""} ${name}`;
    }),
    definitions: versions.definitions.map((one) => [
      one.revision,
      flagWords(one.flags),
      one.index,
      one.names,
    ]),
    needs: versions.needs.map((one) => [
      one.revision,
      one.file,
      one.versions.map((version) => [version.name, flagWords(version.flags), version.index]),
    ]),
    groups: file
      .groups()
      .map((one) => [
        one.comdat,
        one.section.index,
        file.symbols(file.section(one.symtab)).name(one.symbol),
        one.members,
      ]),
    histograms: {
      ...histogram("sysv", hashes.sysv?.chainLengths()),
      ...histogram("gnu", hashes.gnu?.chainLengths()),
    },
  };
}

/** Whether readelf takes GNU's extensions for known in this file. */
function gnu(file: ElfFile): boolean {
  return file.header.osAbi === ELFOSABI.ELFOSABI_GNU || file.header.osAbi === ELFOSABI.ELFOSABI_FREEBSD;
}

function headerRows(file: ElfFile): Record<string, string> {
  const { header } = file;
  return {
    Class: header.is64 ? "ELF64" : "ELF32",
    Data: `2's complement, ${header.little ? "little" : "big"} endian`,
    Type: fileTypeName(header.type).slice(3),
    "Entry point address": `0x${header.entry.toString(16)}`,
    "Start of program headers": `${header.phoff} (bytes into file)`,
    "Start of section headers": `${header.shoff} (bytes into file)`,
    Flags: `0x${header.flags.toString(16)}`,
    "ABI Version": String(header.abiVersion),
    "Number of program headers": String(header.phnum),
    "Number of section headers": String(header.shnum),
    "Section header string table index": String(header.shstrndx),
  };
}

function segmentWord(name: string): string {
  return word(name.replace(/^PT_(ARM|MIPS)_/, "PT_"));
}

function symbolRows(file: ElfFile, table: SymbolTable): string[] {
  const { machine } = file.header;
  const rows: string[] = [];
  for (const symbol of table) {
    rows.push(
      [
        symbol.index,
        symbol.value,
        symbol.size,
        word(symbolTypeName(symbol.type, machine)),
        word(bindingName(symbol.binding)),
        word(visibilityName(symbol.visibility)),
        symbol.special || symbol.sectionIndex === 0
          ? word(sectionIndexName(symbol.sectionIndex, machine))
          : String(symbol.sectionIndex),
        nameWithVersion(file, symbol),
      ].join(" "),
    );
  }
  return rows;
}

function nameWithVersion(file: ElfFile, symbol: ElfSymbol): string {
  const { version } = symbol;
  const isSection = symbol.type === 3 && symbol.name === "";
  const name = isSection ? (file.sections[symbol.sectionIndex]?.name ?? "") : symbol.name;
  // A symbol that stands for a version itself is printed without one.
  if (version === undefined || version.name === name) return name;
  const needed = version.file !== undefined;
  return `${name}${needed || version.hidden ? "@" : "@@"}${version.name}`;
}

function relocationRows(file: ElfFile, table: RelocationTable): unknown[] {
  const rows: unknown[] = [];
  const { is64 } = file.header;
  for (const one of table) {
    if (table.kind === "RELR") {
      rows.push({ offset: one.offset });
      continue;
    }
    // readelf shows r_info as a number; on 64-bit MIPS its bytes come the other way round.
    const mips64 = file.header.machine === EM.EM_MIPS && is64;
    const low = mips64
      ? (BigInt(table.specialSymbol(one.index)) << 24n) |
        (BigInt((one.type >>> 16) & 0xff) << 16n) |
        (BigInt((one.type >>> 8) & 0xff) << 8n) |
        BigInt(one.type & 0xff)
      : BigInt(one.type);
    const info = (BigInt(one.symbol) << (is64 ? 32n : 8n)) | low;
    rows.push({ offset: one.offset, info, type: table.typeName(one.index), addend: one.addend });
  }
  return rows;
}

function dynamicRows(file: ElfFile): unknown[] {
  const table = file.dynamic();
  if (table === undefined) return [];
  return table.entries.map((one) => {
    const text = table.stringOf(one);
    return {
      tag: one.tag,
      type: table.tagName(one.tag).slice(3),
      ...(text === undefined ? { number: one.value } : { text }),
    };
  });
}

function noteRow(note: ElfNote): object {
  const { content } = note;
  const row = { owner: note.owner, size: note.desc.length, type: note.typeName.replace("NT_FDO_", "FDO_") };
  if (content.kind === "build-id") return { ...row, id: content.id };
  if (content.kind === "abi-tag") return { ...row, os: content.osName, version: content.version };
  if (content.kind !== "stapsdt") return row;
  const { provider, name, args, pc, base, semaphore } = content;
  return { ...row, provider, Name: name, Arguments: args, pc, base, semaphore };
}

function flagWords(flags: number): string {
  const names = versionFlagNames(flags).map((name) => name.slice(8));
  return names.length === 0 ? "none" : names.join(" | ");
}

/** Buckets by length of their chain; readelf shows nothing of a table without symbols. */
function histogram(kind: "sysv" | "gnu", lengths: readonly number[] = []): Description["histograms"] {
  if (lengths.every((length) => length === 0)) return {};
  const counts: number[] = [];
  for (const length of lengths) {
    while (counts.length <= length) counts.push(0);
    counts[length] = (counts[length] ?? 0) + 1;
  }
  return { [kind]: counts };
}
