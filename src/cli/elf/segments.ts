/** The program headers and the sections in each segment, as text and JSON. */
import {
  type ElfFile,
  type ElfSection,
  type ElfSegment,
  PF,
  PT,
  SHF,
  SHT,
  segmentFlagNames,
  segmentTypeName,
} from "../../elf/index.ts";
import { fileType } from "./header.ts";
import { address, bare, hex, jsonConstant, jsonHex, type Lines, plural, type View } from "./view.ts";

function letters(segment: ElfSegment): string {
  const letter = (flag: number, text: string): string => ((segment.flags & flag) !== 0 ? text : " ");
  return letter(PF.PF_R, "R") + letter(PF.PF_W, "W") + letter(PF.PF_X, "E");
}

export function* segmentsText({ elf, withHeader }: View): Lines {
  const { segments, header } = elf;
  yield "";
  if (segments.length === 0) {
    yield "There are no program headers in this file.";
    return;
  }
  if (!withHeader) {
    yield `Elf file type is ${fileType(elf)}`;
    yield `Entry point 0x${hex(header.entry)}`;
    yield `There are ${plural(segments.length, "program header", "program headers")}, starting at offset ${header.phoff}`;
    yield "";
  }
  yield "Program Headers:";
  const wide = header.is64 ? "VirtAddr           PhysAddr           " : "VirtAddr   PhysAddr   ";
  yield `  Type           Offset   ${wide}FileSiz  MemSiz   Flg Align`;
  for (const segment of segments) {
    const columns = [
      bare(segment.typeName, "PT_").padEnd(14),
      `0x${hex(segment.offset, 6)}`,
      `0x${address(elf, segment.vaddr)}`,
      `0x${address(elf, segment.paddr)}`,
      `0x${hex(segment.filesz, 6)}`,
      `0x${hex(segment.memsz, 6)}`,
      letters(segment),
      segment.align === 0 ? "0" : `0x${hex(segment.align)}`,
    ];
    yield `  ${columns.join(" ")}`;
    if (segment.type === PT.PT_INTERP) {
      yield `      [Requesting program interpreter: ${elf.interpreter() ?? ""}]`;
    }
  }
  if (elf.sections.length === 0) {
    return;
  }
  yield "";
  yield " Section to Segment mapping:";
  yield "  Segment Sections...";
  for (const segment of segments) {
    const names = sectionsIn(elf, segment).map(({ name }) => `${name} `);
    yield `   ${String(segment.index).padStart(2, "0")}     ${names.join("")}`;
  }
}

export function segmentsJson({ elf }: View): unknown {
  return elf.segments.map((segment) => ({
    index: segment.index,
    type: jsonConstant(segment.type, segmentTypeName(segment.type, elf.header.machine)),
    flags: { value: segment.flags, names: segmentFlagNames(segment.flags) },
    offset: segment.offset,
    vaddr: jsonHex(segment.vaddr),
    paddr: jsonHex(segment.paddr),
    filesz: segment.filesz,
    memsz: jsonHex(segment.memsz),
    align: segment.align,
    ...(segment.type === PT.PT_INTERP ? { interpreter: elf.interpreter() } : {}),
    sections: sectionsIn(elf, segment).map(({ index }) => index),
  }));
}

/** Segments that hold nothing but what is loaded. */
const LOADED_ONLY: ReadonlySet<number> = new Set([
  PT.PT_LOAD,
  PT.PT_DYNAMIC,
  PT.PT_GNU_EH_FRAME,
  PT.PT_GNU_STACK,
  PT.PT_GNU_RELRO,
]);

function sectionsIn(elf: ElfFile, segment: ElfSegment): ElfSection[] {
  return elf.sections.filter((section) => section.index !== 0 && isInside(section, segment));
}

/** Whether a linker would say so: by type, by place in the file, and by address. */
function isInside(section: ElfSection, segment: ElfSegment): boolean {
  const tls = section.hasFlags(SHF.SHF_TLS);
  const allocated = section.hasFlags(SHF.SHF_ALLOC);
  const nobits = section.type === SHT.SHT_NOBITS;
  const { type } = segment;
  if (tls && nobits && type !== PT.PT_TLS) {
    // .tbss takes no room where it seems to be.
    return false;
  }
  const typed = tls
    ? type === PT.PT_TLS || type === PT.PT_GNU_RELRO || type === PT.PT_LOAD
    : type !== PT.PT_TLS && type !== PT.PT_PHDR;
  if (!typed || (!allocated && LOADED_ONLY.has(type))) {
    return false;
  }
  const inFile = nobits || within(section.offset - segment.offset, section.size, segment.filesz);
  const memory = Number(segment.memsz);
  const inMemory = !allocated || within(Number(section.addr - segment.vaddr), section.size, memory);
  if (!inFile || !inMemory) {
    return false;
  }
  if ((type !== PT.PT_DYNAMIC && type !== PT.PT_NOTE) || section.size !== 0 || memory === 0) {
    return true;
  }
  // An empty section at either end of these only happens to touch them.
  const fileDistance = section.offset - segment.offset;
  const memoryDistance = Number(section.addr - segment.vaddr);
  const touchesFile = !nobits && !(fileDistance > 0 && fileDistance < segment.filesz);
  return !touchesFile && (!allocated || (memoryDistance > 0 && memoryDistance < memory));
}

function within(distance: number, size: number, room: number): boolean {
  return distance >= 0 && distance < room && distance + size <= room;
}
