/** Where everything of a described image goes: file offsets, addresses, and the extents of segments. */
import { ElfError } from "../../errors.ts";
import { SHF, SHT } from "../constants/section.ts";
import { PT } from "../constants/segment.ts";
import { layoutOf } from "../header.ts";
import { placeIn } from "../place.ts";
import type { SegmentDescription } from "./description.ts";
import type { ProgramHeader } from "./header.ts";
import { alignUp, checkAlignment, type Format, type Integer } from "./put.ts";

/** A section as layout sees it; `offset` and `addr` are what layout fills in. */
export interface Placed {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly addralign: number;
  readonly size: number;
  /** The address asked for, or `undefined` to be given one. */
  readonly wantedAddr: Integer | undefined;
  offset: number;
  addr: Integer;
}

/** A segment with its sections resolved. */
export interface SegmentPlan {
  readonly description: SegmentDescription;
  /** Section indexes. */
  readonly sections: readonly number[];
}

/** The rest of the layout. */
export interface ImageLayout {
  readonly programHeaders: readonly ProgramHeader[];
  /** Where the bytes of segments that have their own go. */
  readonly segmentBytes: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly shoff: number;
  readonly size: number;
}

const PAGE = 4096;

/**
 * Lays out an image: header, program headers, sections in their order, segments' own bytes, section headers.
 *
 * @param sections by index; index 0, the null section, is passed over
 * @param sectionHeaders whether to leave room for section headers
 */
export function layOut(
  sections: readonly Placed[],
  segments: readonly SegmentPlan[],
  format: Format,
  baseAddress: Integer,
  sectionHeaders: boolean,
): ImageLayout {
  const { ehsize, phentsize, shentsize, word } = layoutOf(format.is64);
  const headersEnd = ehsize + segments.length * phentsize;
  let end: number;
  let fileStart = 0n;
  if (segments.length === 0) end = placePlain(sections, ehsize);
  else ({ end, fileStart } = new LoadedLayout(sections, segments, headersEnd, BigInt(baseAddress)));
  const headers = { start: ehsize, end: headersEnd, fileStart };
  const segmentBytes: { at: number; bytes: Uint8Array }[] = [];
  const programHeaders = segments.map((segment) => {
    const { bytes, align = 1 } = segment.description;
    if (bytes !== undefined) {
      end = alignUp(end, align);
      segmentBytes.push({ at: end, bytes });
    }
    const header = extentOf(segment, sections, headers, end);
    if (bytes !== undefined) end += bytes.length;
    return header;
  });
  const shoff = sectionHeaders ? alignUp(end, word) : 0;
  return {
    programHeaders,
    segmentBytes,
    shoff,
    size: sectionHeaders ? shoff + sections.length * shentsize : end,
  };
}

/** Sections one after the other, without segments: the way of object files. */
function placePlain(sections: readonly Placed[], start: number): number {
  let position = start;
  for (let i = 1; i < sections.length; i++) {
    const section = sections[i];
    if (section === undefined) continue;
    position = placeFree(section, position);
  }
  return position;
}

/** Places a section that no `PT_LOAD` holds at the next aligned offset; gives the end. */
function placeFree(section: Placed, position: number): number {
  checkAlignment(section.addralign, () => placeIn(undefined, section.name));
  section.offset = alignUp(position, section.addralign);
  section.addr = section.wantedAddr ?? 0;
  return section.type === SHT.SHT_NOBITS ? position : section.offset + section.size;
}

/** A `PT_LOAD` segment while its sections are placed. */
interface Load {
  readonly align: number;
  /** Address minus file offset; unknown until the first section is placed. */
  delta: bigint | undefined;
  /** Next free address. */
  next: bigint;
  /** Whether a section that takes memory only was placed, behind which the file can't go on. */
  nobits: string | undefined;
}

/** Places the sections of an image with segments. */
class LoadedLayout {
  /** File offset behind everything that was placed. */
  end: number;
  /** Address of the start of the file, where a segment holds the headers. */
  fileStart = 0n;
  /** Where the next `PT_LOAD` without an address may begin. */
  #nextAddress: bigint;

  constructor(
    sections: readonly Placed[],
    segments: readonly SegmentPlan[],
    headersEnd: number,
    baseAddress: bigint,
  ) {
    this.end = headersEnd;
    this.#nextAddress = baseAddress;
    const loads = new Map<number, Load>();
    for (const { description, sections: held } of segments) {
      if (description.type !== PT.PT_LOAD) continue;
      const { align = PAGE, headers = false, vaddr } = description;
      checkAlignment(align, () => placeIn(undefined, "PT_LOAD segment"));
      const load: Load = { align: Math.max(1, align), delta: undefined, next: 0n, nobits: undefined };
      if (headers) {
        // The headers are at the start of the file, so the segment is too.
        const firstAddr = sections[held[0] ?? 0]?.wantedAddr;
        const lowest = firstAddr === undefined ? undefined : BigInt(firstAddr) - BigInt(headersEnd);
        const start = vaddr ?? (lowest === undefined ? undefined : floorTo(lowest, load.align));
        load.delta = start === undefined ? ceilTo(this.#nextAddress, load.align) : BigInt(start);
        this.fileStart = load.delta;
        load.next = load.delta + BigInt(headersEnd);
        this.#nextAddress = load.next;
      } else if (vaddr !== undefined) load.next = BigInt(vaddr);
      for (const index of held) loads.set(index, load);
    }
    for (let i = 1; i < sections.length; i++) {
      const section = sections[i];
      if (section === undefined) continue;
      const load = loads.get(i);
      if (load === undefined) this.end = placeFree(section, this.end);
      else this.#placeLoaded(section, load);
    }
  }

  #placeLoaded(section: Placed, load: Load): void {
    const place = () => placeIn(undefined, section.name);
    checkAlignment(section.addralign, place);
    const align = Math.max(1, section.addralign);
    const nobits = section.type === SHT.SHT_NOBITS;
    if (load.delta === undefined) this.#begin(section, load);
    const delta = load.delta ?? 0n;
    // What lies between in the file, though in no segment, pushes addresses on too.
    const reached = BigInt(this.end) + delta;
    const lowest = !nobits && reached > load.next ? reached : load.next;
    const addr = section.wantedAddr === undefined ? ceilTo(lowest, align) : BigInt(section.wantedAddr);
    if (addr < lowest) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        place(),
        `address: found 0x${addr.toString(16)}, expected at least 0x${lowest.toString(16)}, where what comes before it in the segment ends`,
      );
    }
    if (!nobits && section.size > 0 && load.nobits !== undefined) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        place(),
        `found a section with contents behind ${load.nobits} (SHT_NOBITS), expected it before`,
      );
    }
    section.addr = addr;
    // .tbss is a template: it takes neither file nor memory of its own.
    const template = nobits && (section.flags & SHF.SHF_TLS) !== 0;
    if (nobits) {
      // A zero-filled section has no offset of its own: it names the place where the file's part ends.
      section.offset = Math.max(this.end, Number(load.next - delta));
      if (!template) load.nobits = section.name;
    } else {
      section.offset = Number(addr - delta);
      this.end = section.offset + section.size;
    }
    if (!template) load.next = addr + BigInt(section.size);
    if (load.next > this.#nextAddress) this.#nextAddress = load.next;
  }

  /** The first section of a segment settles how its addresses and offsets go together. */
  #begin(section: Placed, load: Load): void {
    const align = Math.max(1, section.addralign);
    const page = BigInt(load.align);
    let addr: bigint;
    if (section.wantedAddr !== undefined) addr = BigInt(section.wantedAddr);
    else if (load.next !== 0n) addr = ceilTo(load.next, align);
    else {
      // On the next page, as far into it as the file is: no padding in the file.
      const into = BigInt(alignUp(this.end, align)) % page;
      addr = ceilTo(this.#nextAddress, load.align) + into;
    }
    const shift = (((addr - BigInt(this.end)) % page) + page) % page;
    load.delta = addr - BigInt(this.end) - shift;
    load.next = addr;
  }
}

/** A program header: its given fields, and for the others the extent of its sections. */
function extentOf(
  segment: SegmentPlan,
  sections: readonly Placed[],
  headers: { start: number; end: number; fileStart: bigint },
  ownBytesAt: number,
): ProgramHeader {
  const { description } = segment;
  const held = segment.sections.map((index) => sections[index]).filter((one) => one !== undefined);
  const { type, flags, bytes } = description;
  const isLoad = type === PT.PT_LOAD;
  let offset = 0;
  let vaddr = 0n;
  let filesz = 0;
  let memsz = 0n;
  const first = held[0];
  if (bytes !== undefined) {
    offset = ownBytesAt;
    filesz = bytes.length;
    memsz = BigInt(bytes.length);
  } else if (first !== undefined) {
    offset = first.offset;
    vaddr = BigInt(first.addr);
    for (const one of held) {
      const nobits = one.type === SHT.SHT_NOBITS;
      if (!nobits) filesz = Math.max(filesz, one.offset + one.size - offset);
      if (nobits && isLoad && (one.flags & SHF.SHF_TLS) !== 0) continue;
      const reach = BigInt(one.addr) + BigInt(one.size) - vaddr;
      if (reach > memsz) memsz = reach;
    }
  }
  if (description.headers === true) {
    const from = type === PT.PT_PHDR ? headers.start : 0;
    const start = headers.fileStart + BigInt(from);
    filesz = first === undefined ? headers.end - from : offset + filesz - from;
    memsz = first === undefined ? BigInt(filesz) : vaddr + memsz - start;
    offset = from;
    vaddr = start;
  }
  const largest = held.reduce((most, one) => Math.max(most, one.addralign), 1);
  const address = description.vaddr ?? vaddr;
  return {
    type,
    flags,
    offset: description.offset ?? offset,
    vaddr: address,
    paddr: description.paddr ?? address,
    filesz: description.filesz ?? filesz,
    memsz: description.memsz ?? memsz,
    align: description.align ?? (isLoad ? PAGE : largest),
  };
}

function ceilTo(value: bigint, alignment: number): bigint {
  const unit = BigInt(alignment);
  return ((value + unit - 1n) / unit) * unit;
}

function floorTo(value: bigint, alignment: number): bigint {
  return value - (value % BigInt(alignment));
}
