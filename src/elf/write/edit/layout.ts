/** Where everything of an edited file goes. What a linked file has in memory stays; the rest is re-laid behind it. */
import { layoutOf } from "../../header.ts";
import { alignUp } from "../put.ts";
import type { SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";

/** Offsets of an edited file. */
export interface EditedLayout {
  /** Bytes from the start of the file that are taken over from the original before anything is written. */
  readonly keptEnd: number;
  /** By position in the order of sections. */
  readonly offsets: readonly number[];
  readonly shoff: number;
  readonly size: number;
}

/** Something to be placed: a section, the section header table, or the hole that a removed section leaves. */
interface Part {
  /** Position in the order of sections; -1 for the section header table, -2 for a hole. */
  readonly position: number;
  /** Where it was in the file; `undefined` if it is new. */
  readonly was: number | undefined;
  readonly oldSize: number;
  readonly size: number;
  readonly align: number;
  readonly nobits: boolean;
}

/** File offsets need not be as aligned as addresses; past this, a malformed alignment would only make holes. */
const MOST_PADDING = 0x10000;
const TABLE = -1;
const HOLE = -2;

/**
 * Lays out an edited file. As long as nothing before a part has changed size, it stays where it was; behind the first
 * change, parts follow each other as closely as their alignment lets them.
 *
 * @param order the sections to be written, the null section first
 * @param sizes their sizes
 * @param relay lay out everything that can move anew, in the order of sections
 */
export function layOutEdited(
  state: EditState,
  order: readonly SectionNode[],
  sizes: readonly number[],
  relay: boolean,
): EditedLayout {
  const { word, shentsize } = layoutOf(state.format.is64);
  const { header } = state.file;
  const keptEnd = keptPrefix(state, order);
  const offsets = new Array<number>(order.length).fill(0);
  const parts: Part[] = [];
  let end = keptEnd;
  order.forEach((node, position) => {
    if (position === 0) return;
    const size = sizes[position] ?? 0;
    const was = node.original?.offset;
    if (was !== undefined && staysPut(state, node, size, keptEnd)) {
      offsets[position] = was;
      if (!node.isNobits && size > 0) end = Math.max(end, was + size);
      return;
    }
    const { addralign: align, isNobits: nobits, original } = node;
    const place = isAligned(node) ? was : undefined;
    parts.push({ position, was: place, oldSize: original?.size ?? 0, size, align, nobits });
  });
  for (const node of state.nodes) {
    if (!node.removed || node.original === undefined) continue;
    const { offset, size } = node.original;
    parts.push({ position: HOLE, was: offset, oldSize: size, size: 0, align: 1, nobits: true });
  }
  const tableSize = order.length * shentsize;
  const table: Part = {
    position: TABLE,
    was: header.shnum > 0 ? header.shoff : undefined,
    oldSize: header.shnum * header.shentsize,
    size: tableSize,
    align: word,
    nobits: false,
  };
  let shoff = 0;
  if (table.was !== undefined && table.was < keptEnd && tableSize <= table.oldSize) {
    shoff = table.was;
    end = Math.max(end, shoff + tableSize);
  } else if (order.length > 0) parts.push(table);
  let moved = relay;
  for (const part of relay ? inSectionOrder(parts) : inFileOrder(parts)) {
    if (part.position === HOLE) {
      moved = true;
      continue;
    }
    const inPlace = !moved && part.was !== undefined && part.was >= keptEnd;
    const offset =
      inPlace && part.was !== undefined ? part.was : alignUp(end, Math.min(part.align, MOST_PADDING));
    if (part.position === TABLE) shoff = offset;
    else offsets[part.position] = offset;
    if (!inPlace || part.size !== part.oldSize) moved = true;
    if (!part.nobits && part.size > 0) end = Math.max(end, offset + part.size);
  }
  return { keptEnd, offsets, shoff, size: end };
}

/** End of the part of the file that must stay: headers, segments, and sections that are loaded. */
function keptPrefix(state: EditState, order: readonly SectionNode[]): number {
  const { file } = state;
  const { header } = file;
  const { ehsize } = layoutOf(state.format.is64);
  const limit = file.image.source.size;
  let end = ehsize;
  if (header.phnum > 0) end = Math.max(end, header.phoff + header.phnum * header.phentsize);
  for (const segment of file.segments) {
    if (segment.type !== 0) end = Math.max(end, Math.min(limit, segment.offset + segment.filesz));
  }
  for (const node of order) {
    if (!state.isFixed(node) || node.isNobits || node.original === undefined) continue;
    end = Math.max(end, Math.min(limit, node.original.offset + node.original.size));
  }
  return Math.min(end, limit);
}

/** Whether a section of the file keeps its offset whatever happens to the others. */
function staysPut(state: EditState, node: SectionNode, size: number, keptEnd: number): boolean {
  const { original } = node;
  if (original === undefined) return false;
  if (state.isFixed(node)) return true;
  if (!isAligned(node)) return false;
  // What lies between or over what is loaded may stay there as long as it still fits; it costs nothing. (The segments
  // of separate debug files reach over sections that have nothing to do with them.)
  return original.offset < keptEnd && size <= original.size;
}

/** Whether the old offset is good for the alignment that was asked for since. */
function isAligned({ original, addralign }: SectionNode): boolean {
  if (original === undefined || addralign === original.addralign) return true;
  return original.offset % Math.max(1, addralign) === 0;
}

/** By old offset; new parts behind the old ones, the section header table last if it was. */
function inFileOrder(parts: readonly Part[]): Part[] {
  const old = parts.filter((part) => part.was !== undefined).sort((a, b) => (a.was ?? 0) - (b.was ?? 0));
  const fresh = parts.filter((part) => part.was === undefined);
  const last = old.at(-1);
  return last?.position === TABLE ? [...old.slice(0, -1), ...fresh, last] : [...old, ...fresh];
}

/** By section index, the section header table last. */
function inSectionOrder(parts: readonly Part[]): Part[] {
  const rank = (part: Part) => (part.position < 0 ? Number.POSITIVE_INFINITY : part.position);
  return parts
    .filter((part) => part.position !== HOLE)
    .sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}
