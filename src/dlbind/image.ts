/**
 * The ELF prototype that a live object begins as: what the loader, the kernel and file readers see. [gABI 4 and 5]
 *
 * Its section headers are for readers of the file, and say little on purpose:
 *
 * - `.text`, `.rodata` and `.data` have size 0. A debugger learns what lies in them through the GDB JIT interface,
 *   and of two descriptions of one address it would take either.
 * - perf looks for symbols in `.dynsym` unless there is a section *named* `.symtab`; gdb and lldb skip `.dynsym` when
 *   there is a section of *type* `SHT.SHT_SYMTAB`. An empty one under another name gives each what it needs: perf reads the
 *   names of a file that it samples, and a debugger does not keep names that were unbound since it read the file.
 */
import { DT } from "../elf/constants/dynamic.ts";
import { ET } from "../elf/constants/header.ts";
import { EM } from "../elf/constants/machine.ts";
import { SHF, SHN, SHT } from "../elf/constants/section.ts";
import { PF, PT } from "../elf/constants/segment.ts";
import { STT } from "../elf/constants/symbol.ts";
import { VER_DEF_CURRENT, VER_FLG } from "../elf/constants/version.ts";
import { sysvHash } from "../elf/hash.ts";
import { R_X86_64 } from "../elf/machine/x86_64.ts";
import type { NativeRegion } from "../host/region.ts";
import { HeaderWriter, type SectionHeader, SHDR_SIZE } from "./headers.ts";
import {
  type Layout,
  REGION_ALIGN,
  RELA_SIZE,
  type Span,
  SYM_SIZE,
  THREAD_WORDS,
  type ThreadBlock,
} from "./layout.ts";

/** Section indices that symbols of a live object refer to, the same in the file and in the debugger's headers. */
export const TEXT_SECTION = 1;
export const RODATA_SECTION = 2;
export const DATA_SECTION = 3;
const DYNSYM_SECTION = 4;
const DYNSTR_SECTION = 5;
/** Only where versions were declared. */
const VERSYM_SECTION = 8;

/** Places in the first page: the section headers follow ELF header and program headers. */
const SECTION_HEADERS = 0x200;
const SMALL_TABLES = 0x800;
const HEADER_PAGE = 0x1000;

const VERDEF_SIZE = 20;
const VERDAUX_SIZE = 8;
/** `.gnu.version` index of the first declared version; 1 is the object itself. */
export const FIRST_VERSION = 2;

/** Bytes of `.gnu.version_d` for that many declared versions. */
export function verdefSize(versions: number): number {
  return versions === 0 ? 0 : (versions + 1) * (VERDEF_SIZE + VERDAUX_SIZE);
}

/** A name in `.dynstr`, and where. */
export interface PlacedName {
  readonly name: string;
  readonly offset: number;
}

export interface Prototype {
  readonly layout: Layout;
  readonly soname: PlacedName;
  readonly versions: readonly PlacedName[];
  readonly block?: ThreadBlock | undefined;
  /** True when debuggers shall read the file's own symbols: only for an object that never changes. */
  readonly fixed: boolean;
}

/** A stretch of the file that is not zero from the start. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The pieces of a new image, tables that grow later left out. */
export function encodePrototype(prototype: Prototype): Piece[] {
  const { layout, versions } = prototype;
  const pieces = [
    { offset: 0, bytes: encodeHeaderPage(prototype) },
    { offset: layout.dynamic.offset, bytes: encodeDynamic(prototype) },
  ];
  if (versions.length > 0) pieces.push({ offset: layout.verdef.offset, bytes: encodeVerdef(prototype) });
  const { block } = prototype;
  if (block !== undefined) {
    pieces.push(
      { offset: layout.threads.offset, bytes: block.image },
      { offset: layout.relocations.offset, bytes: encodeThreadRelocations(layout, block) },
    );
  }
  return pieces;
}

/** Stores the sizes of `.dynsym`, `.dynstr` and `.gnu.version` as they have grown, for readers of the file. */
export function storeTableSizes(headers: NativeRegion, layout: Layout, symbols: number, names: number): void {
  const SH_SIZE = 32;
  const store = (section: number, size: number): void => {
    headers.i32[(SECTION_HEADERS + section * SHDR_SIZE + SH_SIZE) >> 2] = size;
  };
  store(DYNSYM_SECTION, symbols * SYM_SIZE);
  store(DYNSTR_SECTION, names);
  if (layout.versym.size > 0) store(VERSYM_SECTION, symbols * 2);
}

function encodeHeaderPage(prototype: Prototype): Uint8Array {
  const { layout } = prototype;
  const writer = new HeaderWriter(HEADER_PAGE, SMALL_TABLES, EM.EM_X86_64);
  const end = (span: Span): number => span.offset + span.size;
  const load = (from: number, to: number, flags: number): void =>
    writer.segment({
      type: PT.PT_LOAD,
      flags,
      offset: from,
      vaddr: layout.origin + BigInt(from),
      size: to - from,
      align: REGION_ALIGN,
    });
  load(0, end(layout.ehFrameHdr), PF.PF_R);
  load(layout.text.offset, end(layout.text), PF.PF_R | PF.PF_X);
  load(layout.rodata.offset, end(layout.rodata), PF.PF_R);
  load(layout.dynamic.offset, layout.size, PF.PF_R | PF.PF_W);
  const span = (type: number, flags: number, of: Span, align: number): void =>
    writer.segment({
      type,
      flags,
      offset: of.offset,
      vaddr: layout.origin + BigInt(of.offset),
      size: of.size,
      align,
    });
  span(PT.PT_DYNAMIC, PF.PF_R | PF.PF_W, layout.dynamic, 8);
  if (prototype.block !== undefined) span(PT.PT_TLS, PF.PF_R, layout.threads, prototype.block.align);
  span(PT.PT_GNU_EH_FRAME, PF.PF_R, layout.ehFrameHdr, 4);
  span(PT.PT_GNU_STACK, PF.PF_R | PF.PF_W, { offset: 0, size: 0 }, 16);
  for (const section of sections(prototype, writer)) {
    const loaded = (section.flags & SHF.SHF_ALLOC) !== 0;
    writer.section(loaded ? { ...section, addr: layout.origin + section.addr } : section);
  }
  writer.finish({ type: ET.ET_DYN, sectionHeaders: SECTION_HEADERS });
  return writer.bytes;
}

function sections(prototype: Prototype, writer: HeaderWriter): SectionHeader[] {
  const { layout, fixed, soname } = prototype;
  const region = (name: string, flags: number, span: Span): SectionHeader => ({
    ...at(name, SHT.SHT_PROGBITS, SHF.SHF_ALLOC | flags, span),
    size: fixed ? span.size : 0,
    align: 16,
  });
  const list = [
    region(".text", SHF.SHF_EXECINSTR, layout.text),
    region(".rodata", 0, layout.rodata),
    region(".data", SHF.SHF_WRITE, layout.data),
    {
      ...at(".dynsym", SHT.SHT_DYNSYM, SHF.SHF_ALLOC, layout.dynsym),
      size: SYM_SIZE,
      link: DYNSTR_SECTION,
      info: 1,
      entsize: SYM_SIZE,
    },
    { ...at(".dynstr", SHT.SHT_STRTAB, SHF.SHF_ALLOC, layout.dynstr), size: 1, align: 1 },
    { ...at(".hash", SHT.SHT_HASH, SHF.SHF_ALLOC, layout.hash), link: DYNSYM_SECTION, entsize: 4 },
    {
      ...at(".dynamic", SHT.SHT_DYNAMIC, SHF.SHF_ALLOC | SHF.SHF_WRITE, layout.dynamic),
      link: DYNSTR_SECTION,
      entsize: 16,
    },
  ];
  if (prototype.versions.length > 0) {
    list.push(
      {
        ...at(".gnu.version", SHT.SHT_GNU_versym, SHF.SHF_ALLOC, layout.versym),
        link: DYNSYM_SECTION,
        entsize: 2,
      },
      {
        ...at(".gnu.version_d", SHT.SHT_GNU_verdef, SHF.SHF_ALLOC, layout.verdef),
        link: DYNSTR_SECTION,
        info: prototype.versions.length + 1,
      },
    );
  }
  if (!fixed) list.push(...decoySymtab(soname.name, list.length + 1, writer));
  return list;
}

/** A symbol table with nothing but the name of the object as its source file, and its string table. */
function decoySymtab(name: string, index: number, writer: HeaderWriter): SectionHeader[] {
  const symbols = new Uint8Array(2 * SYM_SIZE);
  const view = new DataView(symbols.buffer);
  view.setUint32(SYM_SIZE, 1, true);
  view.setUint8(SYM_SIZE + 4, STT.STT_FILE);
  view.setUint16(SYM_SIZE + 6, SHN.SHN_ABS, true);
  const strings = new TextEncoder().encode(`\0${name}\0`);
  return [
    {
      ...at(".symtab.none", SHT.SHT_SYMTAB, 0, { offset: writer.small(symbols), size: symbols.length }),
      addr: 0n,
      link: index + 1,
      info: 2,
      entsize: SYM_SIZE,
    },
    {
      ...at(".strtab.none", SHT.SHT_STRTAB, 0, { offset: writer.small(strings), size: strings.length }),
      addr: 0n,
      align: 1,
    },
  ];
}

/** A section that lies where its address says. */
function at(name: string, type: number, flags: number, span: Span): SectionHeader {
  return { name, type, flags, addr: BigInt(span.offset), offset: span.offset, size: span.size, align: 8 };
}

/** What the loader is to write down: the number of the object's blocks, and how far they are from the thread pointer. */
function encodeThreadRelocations(layout: Layout, block: ThreadBlock): Uint8Array {
  const place = layout.origin + BigInt(layout.dynamic.offset + THREAD_WORDS);
  const words = [place, BigInt(R_X86_64.R_X86_64_DTPMOD64), 0n];
  if (block.isStatic) words.push(place + 8n, BigInt(R_X86_64.R_X86_64_TPOFF64), 0n);
  return new Uint8Array(new BigUint64Array(words).buffer);
}

function encodeDynamic({ layout, soname, versions, block }: Prototype): Uint8Array {
  const place = (offset: number): bigint => layout.origin + BigInt(offset);
  const tags: [tag: number, value: number | bigint][] = [
    [DT.DT_SONAME, soname.offset],
    [DT.DT_HASH, place(layout.hash.offset)],
    [DT.DT_STRTAB, place(layout.dynstr.offset)],
    [DT.DT_SYMTAB, place(layout.dynsym.offset)],
    [DT.DT_STRSZ, layout.dynstr.size],
    [DT.DT_SYMENT, SYM_SIZE],
  ];
  if (versions.length > 0) {
    tags.push(
      [DT.DT_VERSYM, place(layout.versym.offset)],
      [DT.DT_VERDEF, place(layout.verdef.offset)],
      [DT.DT_VERDEFNUM, versions.length + 1],
    );
  }
  if (block !== undefined) {
    tags.push(
      [DT.DT_RELA, place(layout.relocations.offset)],
      [DT.DT_RELASZ, layout.relocations.size],
      [DT.DT_RELAENT, RELA_SIZE],
    );
  }
  tags.push([DT.DT_NULL, 0]);
  return new Uint8Array(new BigUint64Array(tags.flat().map(BigInt)).buffer);
}

/** Each definition with its one name [LSB 5.0, 10.7.2]; the first is the object itself. */
function encodeVerdef({ soname, versions }: Prototype): Uint8Array {
  const names = [soname, ...versions];
  const bytes = new Uint8Array(names.length * (VERDEF_SIZE + VERDAUX_SIZE));
  const view = new DataView(bytes.buffer);
  names.forEach(({ name, offset }, index) => {
    const start = index * (VERDEF_SIZE + VERDAUX_SIZE);
    const last = index === names.length - 1;
    view.setUint16(start, VER_DEF_CURRENT, true);
    view.setUint16(start + 2, index === 0 ? VER_FLG.VER_FLG_BASE : 0, true);
    view.setUint16(start + 4, index + 1, true);
    view.setUint16(start + 6, 1, true);
    view.setUint32(start + 8, sysvHash(name), true);
    view.setUint32(start + 12, VERDEF_SIZE, true);
    view.setUint32(start + 16, last ? 0 : VERDEF_SIZE + VERDAUX_SIZE, true);
    view.setUint32(start + VERDEF_SIZE, offset, true);
  });
  return bytes;
}
