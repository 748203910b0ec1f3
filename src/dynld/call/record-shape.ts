/**
 * How a structure travels when it is passed by value. [x86-64 psABI 3.2.3, AAPCS64 6.8.2]
 *
 * All that matters of its members is which eightbytes hold nothing but numbers with a point, and of what width: these go in
 * registers of their own. So a structure is told as pieces of bytes, of `float` and of `double`.
 */
import type { NativePiece, NativeRecord } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { alignOf, bare, type CBase, type CMember, type CRecord, type CType } from "../ctype.ts";
import { unsupported } from "./unsupported.ts";

/** A number or pointer in a structure. */
interface Leaf {
  readonly start: number;
  readonly end: number;
  readonly isFloat: boolean;
}

/** Larger structures are in memory by all ABIs; on x86-64 those of more than two eightbytes. */
const LARGEST_IN_REGISTERS = process.arch === "x64" ? 16 : 32;
const EIGHTBYTE = 8;
/** Larger ones might not fit in the stack. */
const LARGEST = 2 ** 20;
/** Members of members in all, before a structure is taken for one without end. */
const MOST_LEAVES = 4096;

const shapes = new WeakMap<CRecord, NativeRecord>();

/** @throws DynldError DYNLD_UNSUPPORTED of one that can't be passed by value, saying why */
export function recordShape(record: CRecord, where: string): NativeRecord {
  let shape = shapes.get(record);
  if (shape === undefined) {
    shape = makeShape(record, where);
    shapes.set(record, shape);
  }
  return shape;
}

function makeShape(record: CRecord, where: string): NativeRecord {
  const refuse = (why: string): never => {
    throw unsupported(where, record, why);
  };
  if (process.arch !== "x64" && process.arch !== "arm64")
    refuse("which is passed by value as no ABI known here says");
  const { size = 0 } = record;
  if (!record.isComplete) return refuse("which is incomplete");
  if (record.isPassedByAddress === true) return refuse("which is copied by a constructor");
  if (size === 0) return refuse("an empty structure by value");
  if (size > LARGEST) return refuse(`a structure of ${size} bytes by value`);
  const alignment = alignOf(record);
  if (alignment > EIGHTBYTE) return refuse(`a structure aligned to ${alignment} bytes by value`);
  const leaves = new Leaves(size <= LARGEST_IN_REGISTERS, refuse);
  leaves.add(record, 0);
  if (size > LARGEST_IN_REGISTERS) return { size, alignment, pieces: [{ form: "bytes", offset: 0, size }] };
  // Misaligned members put the whole in memory, which nothing can be told that would.
  if (leaves.isPacked) return refuse("a packed structure by value");
  return { size, alignment, pieces: piecesOf(leaves.found, size, refuse) };
}

function piecesOf(leaves: readonly Leaf[], size: number, refuse: (why: string) => never): NativePiece[] {
  const pieces: NativePiece[] = [];
  for (let start = 0; start < size; start += EIGHTBYTE) {
    const end = Math.min(size, start + EIGHTBYTE);
    const inside = leaves.filter((leaf) => leaf.start < end && leaf.end > start);
    if (inside.length === 0) return refuse("a structure with nothing in some of its bytes by value");
    const piece = pieceOf(inside, start, end);
    if (piece.form !== "bytes" && piece.offset !== start) return refuse("a structure with a gap by value");
    const last = pieces.at(-1);
    if (last?.form === piece.form && last.offset + last.size === piece.offset) {
      pieces[pieces.length - 1] = { ...last, size: last.size + piece.size };
    } else pieces.push(piece);
  }
  return pieces;
}

function pieceOf(leaves: readonly Leaf[], start: number, end: number): NativePiece {
  const widths = new Set(leaves.map((leaf) => leaf.end - leaf.start));
  const areFloats = leaves.every(({ isFloat }) => isFloat);
  if (areFloats && widths.size === 1 && widths.has(EIGHTBYTE)) {
    return { form: "double", offset: start, size: EIGHTBYTE };
  }
  if (areFloats && widths.size === 1) {
    const first = Math.min(...leaves.map((leaf) => leaf.start));
    return { form: "float", offset: first, size: Math.max(...leaves.map((leaf) => leaf.end)) - first };
  }
  // A union of a float and a double has a register for numbers with a point on x86-64 alone.
  if (areFloats && process.arch === "x64") return { form: "double", offset: start, size: EIGHTBYTE };
  return { form: "bytes", offset: start, size: end - start };
}

/** Collects what a structure is made of. */
class Leaves {
  readonly found: Leaf[] = [];
  /** Whether a member is not where its alignment would have it. */
  isPacked = false;
  #left = MOST_LEAVES;
  readonly #isSmall: boolean;
  readonly #refuse: (why: string) => never;

  /** @param isSmall whether all of them matter, or only whether one must be refused */
  constructor(isSmall: boolean, refuse: (why: string) => never) {
    this.#isSmall = isSmall;
    this.#refuse = refuse;
  }

  add(type: CType, start: number): void {
    if (this.#left-- === 0) this.#refuse(`of more than ${MOST_LEAVES} members by value`);
    const found = bare(type);
    switch (found.kind) {
      case "struct":
      case "union":
        for (const member of found.members) this.#addMember(member, start);
        return;
      case "array": {
        const width = found.element.size ?? 0;
        const count = this.#isSmall ? (found.count ?? 0) : Math.min(1, found.count ?? 0);
        for (let index = 0; index < count; index++) this.add(found.element, start + index * width);
        return;
      }
      case "base":
        this.#addNumber(found, start);
        return;
      case "pointer":
      case "enum":
        this.#addLeaf(start, found.size ?? 0, false);
        return;
      default:
        this.#refuse(`with a member of type ${declaration(type)}`);
    }
  }

  #addMember({ type, bitOffset, bitSize, role }: CMember, start: number): void {
    if (bitOffset === undefined || role === "vtable" || role === "variant") {
      this.#refuse("which is no plain structure");
    } else if (bitSize === undefined) this.add(type, start + bitOffset / 8);
    else {
      const end = start + Math.ceil((bitOffset + bitSize) / 8);
      this.found.push({ start: start + Math.floor(bitOffset / 8), end, isFloat: false });
    }
  }

  #addNumber({ size, encoding, name }: CBase, start: number): void {
    const isFloat = encoding === "float" || encoding === "complex";
    const width = encoding === "complex" ? size / 2 : size;
    if (width > EIGHTBYTE || (isFloat && width !== 4 && width !== 8) || encoding === "decimal") {
      this.#refuse(`with a member of type ${name}`);
    }
    for (let at = start; at < start + size; at += width) this.#addLeaf(at, width, isFloat);
  }

  #addLeaf(start: number, size: number, isFloat: boolean): void {
    this.found.push({ start, end: start + size, isFloat });
    if (start % size !== 0) this.isPacked = true;
  }
}
