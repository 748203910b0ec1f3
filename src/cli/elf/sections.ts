/** The section headers and section groups as text and JSON. */
import {
  compressionName,
  type ElfFile,
  type ElfSection,
  SHF,
  sectionFlagNames,
  sectionTypeName,
} from "../../elf/index.ts";
import { address, bare, hex, jsonConstant, jsonHex, type Lines, plural, type View } from "./view.ts";

/** readelf's letters, by flag, in the order of the bits. */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [SHF.SHF_WRITE, "W"],
  [SHF.SHF_ALLOC, "A"],
  [SHF.SHF_EXECINSTR, "X"],
  [SHF.SHF_MERGE, "M"],
  [SHF.SHF_STRINGS, "S"],
  [SHF.SHF_INFO_LINK, "I"],
  [SHF.SHF_LINK_ORDER, "L"],
  [SHF.SHF_OS_NONCONFORMING, "O"],
  [SHF.SHF_GROUP, "G"],
  [SHF.SHF_TLS, "T"],
  [SHF.SHF_COMPRESSED, "C"],
  [0x20_0000, "R"],
  [0x100_0000, "D"],
  [0x8000_0000, "E"],
];

const OS_BITS = 0x0ff0_0000;
const PROCESSOR_BITS = 0x7000_0000;

const KEY = [
  "Key to Flags:",
  "  W (write), A (alloc), X (execute), M (merge), S (strings), I (info),",
  "  L (link order), O (extra OS processing required), G (group), T (TLS),",
  "  C (compressed), x (unknown), o (OS specific), E (exclude),",
  "  R (retain), D (mbind), l (large), p (processor specific)",
];

const VERSION_TYPES: ReadonlyMap<string, string> = new Map([
  ["SHT_GNU_versym", "VERSYM"],
  ["SHT_GNU_verdef", "VERDEF"],
  ["SHT_GNU_verneed", "VERNEED"],
]);

function typeOf(section: ElfSection): string {
  return VERSION_TYPES.get(section.typeName) ?? bare(section.typeName, "SHT_");
}

function letters(elf: ElfFile, section: ElfSection): string {
  let rest = section.flags >>> 0;
  let text = "";
  for (const [bit, letter] of FLAG_LETTERS) {
    if ((rest & bit) !== 0) {
      text += letter;
      rest = (rest & ~bit) >>> 0;
    }
  }
  if (
    (rest & 0x1000_0000) !== 0 &&
    sectionFlagNames(0x1000_0000, elf.header.machine).includes("SHF_X86_64_LARGE")
  ) {
    text += "l";
    rest = (rest & ~0x1000_0000) >>> 0;
  }
  text += (rest & OS_BITS) !== 0 ? "o" : "";
  text += (rest & PROCESSOR_BITS) !== 0 ? "p" : "";
  return text + ((rest & ~(OS_BITS | PROCESSOR_BITS)) !== 0 || section.flagsHigh !== 0 ? "x" : "");
}

export function* sectionsText({ elf, withHeader }: View): Lines {
  const { sections, header } = elf;
  if (sections.length === 0) {
    yield "";
    yield "There are no sections in this file.";
    return;
  }
  if (!withHeader) {
    yield `There are ${plural(sections.length, "section header", "section headers")}, starting at offset 0x${hex(header.shoff)}:`;
  }
  yield "";
  yield "Section Headers:";
  const title = header.is64 ? "Address          Off    Size  " : "Addr     Off    Size  ";
  yield `  [Nr] Name              Type            ${title} ES Flg Lk Inf Al`;
  for (const section of sections) {
    const columns = [
      `  [${String(section.index).padStart(2)}]`,
      section.name.padEnd(17),
      typeOf(section).padEnd(15),
      address(elf, section.addr),
      hex(section.offset, 6),
      hex(section.size, 6),
      hex(section.entsize, 2),
      letters(elf, section).padStart(3),
      String(section.link).padStart(2),
      String(section.info).padStart(3),
      String(section.addralign).padStart(2),
    ];
    yield columns.join(" ");
  }
  yield* KEY;
}

export function sectionsJson({ elf }: View): unknown {
  const { machine } = elf.header;
  return elf.sections.map((section) => {
    const compression = section.compression();
    return {
      index: section.index,
      name: section.name,
      type: jsonConstant(section.type, sectionTypeName(section.type, machine)),
      flags: {
        value: jsonHex((BigInt(section.flagsHigh) << 32n) | BigInt(section.flags >>> 0)),
        names: sectionFlagNames(section.flags, machine),
      },
      address: jsonHex(section.addr),
      offset: section.offset,
      size: section.size,
      link: section.link,
      info: section.info,
      addralign: section.addralign,
      entsize: section.entsize,
      ...(compression === undefined
        ? {}
        : {
            compression: {
              type: jsonConstant(compression.type, compressionName(compression.type)),
              size: compression.size,
            },
          }),
    };
  });
}

export function* groupsText({ elf, name }: View): Lines {
  const groups = elf.groups();
  yield "";
  if (groups.length === 0) {
    yield "There are no section groups in this file.";
    return;
  }
  for (const group of groups) {
    const signature = name(signatureOf(elf, group.symtab, group.symbol));
    const kind = group.comdat ? "COMDAT " : "";
    const { index, name: section } = group.section;
    yield `${kind}group section [${String(index).padStart(5)}] \`${section}' [${signature}] contains ${group.members.length} sections:`;
    yield "   [Index]    Name";
    for (const member of group.members) {
      yield `   [${String(member).padStart(5)}]   ${elf.section(member).name}`;
    }
    yield "";
  }
}

export function groupsJson({ elf }: View): unknown {
  return elf.groups().map((group) => ({
    section: group.section.index,
    signature: signatureOf(elf, group.symtab, group.symbol),
    comdat: group.comdat,
    members: group.members,
  }));
}

/** A group is named by a symbol, or, when that is a section's, by the section. */
function signatureOf(elf: ElfFile, symtab: number, index: number): string {
  const symbol = elf.symbols(elf.section(symtab)).at(index);
  return symbol.name === "" && !symbol.special ? elf.section(symbol.sectionIndex).name : symbol.name;
}
