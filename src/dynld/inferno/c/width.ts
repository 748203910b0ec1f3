/** Sizes of types on Inferno's 32-bit machines, which only tell arrays in structures apart. */
import { isStruct, type SignType, type StructType } from "../sign-type.ts";

/** Bytes of a value, and what its address is a multiple of. */
interface Extent {
  readonly width: number;
  readonly alignment: number;
}

/** Of what has no size: functions, void, structures inside themselves. */
const NOTHING: Extent = { width: 0, alignment: 1 };
/** No machine aligns numbers to more. */
const MAX_ALIGNMENT = 4;

const WIDTHS: Readonly<Partial<Record<SignType["kind"], number>>> = {
  char: 1,
  uchar: 1,
  short: 2,
  ushort: 2,
  int: 4,
  uint: 4,
  long: 4,
  ulong: 4,
  vlong: 8,
  uvlong: 8,
  float: 4,
  double: 8,
  pointer: 4,
  enum: 4,
};

/** Bytes of a type; 0 where they are not known, as of a function or an array without a length. */
export function widthOf(type: SignType): number {
  return extentOf(type, new Map()).width;
}

function extentOf(type: SignType, known: Map<StructType, Extent>): Extent {
  if (type.kind === "array") return { ...extentOf(type.of, known), width: type.width };
  if (!isStruct(type)) {
    const width = WIDTHS[type.kind] ?? 0;
    return { width, alignment: Math.max(1, Math.min(MAX_ALIGNMENT, width)) };
  }
  const before = known.get(type);
  if (before !== undefined) return before;
  known.set(type, NOTHING);
  let width = 0;
  let alignment = 1;
  for (const member of type.members) {
    const own = extentOf(member, known);
    alignment = Math.max(alignment, own.alignment);
    if (type.kind === "union") width = Math.max(width, own.width);
    else width = roundUp(width, own.alignment) + own.width;
  }
  const extent = { width: roundUp(width, alignment), alignment };
  known.set(type, extent);
  return extent;
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
