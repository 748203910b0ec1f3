/**
 * What relocations do to words of an image. All arithmetic is modulo 2^32, as the machines' own is.
 *
 * Throughout, w is the 32-bit word at image offset `at` in the machine's byte order, p its address, A[i] the address
 * of import i.
 */
import type { InfernoMachine, RelocationStyle } from "./machine.ts";

/** What relocations are applied with. */
export interface RelocationContext {
  /** The image, which is changed. */
  readonly view: DataView;
  readonly machine: InfernoMachine;
  /** Address of the start of the image. */
  readonly base: number;
  /** A: addresses of the imports. */
  readonly addresses: Uint32Array;
}

/** What became of a relocation; `unreachable` is done, but the branch that it makes leads elsewhere. */
export type Outcome = "done" | "unreachable" | "unimplemented" | "bad mode" | "bad position" | "bad index";

/** Half the span of a branch of arm and power: 24 bits of words, signed. */
const BRANCH_REACH = 1 << 25;
const LAST_MODE: Readonly<Record<RelocationStyle, number>> = { "386": 2, arm: 2, power: 6 };

/** Bytes that a relocation of that mode reads and writes: modes 3 to 6 are of two instructions. */
export function relocationSpan(mode: number): 4 | 8 {
  return mode >= 3 ? 8 : 4;
}

/** Index of the import that a relocation of the word `w` adds, with the addend; `undefined` if it adds the base. */
export function importOf(
  style: RelocationStyle,
  mode: number,
  w: number,
  w2: number,
): { readonly index: number; readonly addend: number } | undefined {
  if (mode === 0 || mode === 3 || mode === 5) return undefined;
  if (mode === 4 || mode === 6) {
    return { index: (w & 0xffff) >>> 6, addend: ((w & 0x3f) << 16) | (w2 & 0xffff) };
  }
  if (mode === 1) return { index: w >>> 22, addend: w & 0x3fffff };
  if (style === "386") return { index: w >>> 22, addend: 0 };
  return { index: style === "arm" ? w & 0x3ff : (w & 0xffc) >>> 2, addend: 0 };
}

/** Whether a relocation can be applied to an image of `size` bytes, as far as its place and mode say. */
export function checkRelocation(machine: InfernoMachine, size: number, at: number, mode: number): Outcome {
  if (machine.style === undefined) return "unimplemented";
  if (mode > LAST_MODE[machine.style]) return "bad mode";
  return at + relocationSpan(mode) > size ? "bad position" : "done";
}

/** Applies one relocation; the image is as it was unless that was `done` or `unreachable`. */
export function applyRelocation(context: RelocationContext, at: number, mode: number): Outcome {
  const { view, machine } = context;
  const outcome = checkRelocation(machine, view.byteLength, at, mode);
  if (outcome !== "done") return outcome;
  if (mode === 0) {
    view.setUint32(at, view.getUint32(at, machine.little) + context.base, machine.little);
    return "done";
  }
  if (mode === 1) return applyWord(context, at);
  if (mode === 2) return applyBranch(context, at);
  return applyHalves(context, at, mode);
}

/** Mode 1: w = A[w>>22] + (w & 0x3fffff) */
function applyWord({ view, machine, addresses }: RelocationContext, at: number): Outcome {
  const w = view.getUint32(at, machine.little);
  const address = addresses[w >>> 22];
  if (address === undefined) return "bad index";
  view.setUint32(at, address + (w & 0x3fffff), machine.little);
  return "done";
}

/** Mode 2: a branch, relative to where it stands. */
function applyBranch({ view, machine, base, addresses }: RelocationContext, at: number): Outcome {
  const w = view.getUint32(at, machine.little);
  const p = base + at;
  if (machine.style === "386") {
    // The offset counts from behind the word.
    const address = addresses[w >>> 22];
    if (address === undefined) return "bad index";
    view.setUint32(at, address - p - 4, machine.little);
    return "done";
  }
  if (machine.style === "arm") {
    // B and BL: 24 bits of words, counted from two instructions on.
    const address = addresses[w & 0x3ff];
    if (address === undefined) return "bad index";
    const distance = (address - p - 8) | 0;
    view.setUint32(at, (w & ~0x3ff) | ((distance >> 2) & 0xffffff), machine.little);
    return reaches(distance) ? "done" : "unreachable";
  }
  // Power's b and bl: 24 bits of words above the two flags AA and LK.
  const address = addresses[(w & 0xffc) >>> 2];
  if (address === undefined) return "bad index";
  const distance = (address - p) | 0;
  view.setUint32(at, (w & ~0xffc) | (distance & 0x3fffffc), machine.little);
  return reaches(distance) ? "done" : "unreachable";
}

function reaches(distance: number): boolean {
  return distance >= -BRANCH_REACH && distance < BRANCH_REACH && distance % 4 === 0;
}

/**
 * Modes 3 to 6 of power: v is in the low halves of two instructions. Odd modes add the base to v, even ones do as mode
 * 1 does. In modes 5 and 6 the second instruction takes its half as signed, which the first one has to make up for.
 */
function applyHalves(context: RelocationContext, at: number, mode: number): Outcome {
  const { view, machine, base, addresses } = context;
  const first = view.getUint32(at, machine.little);
  const second = view.getUint32(at + 4, machine.little);
  let v = ((first & 0xffff) << 16) | (second & 0xffff);
  if (mode % 2 === 1) {
    v += base;
  } else {
    const address = addresses[v >>> 22];
    if (address === undefined) return "bad index";
    v = address + (v & 0x3fffff);
  }
  if (mode >= 5 && (v & 0x8000) !== 0) v += 0x10000;
  view.setUint32(at, (first & ~0xffff) | ((v >>> 16) & 0xffff), machine.little);
  view.setUint32(at + 4, (second & ~0xffff) | (v & 0xffff), machine.little);
  return "done";
}
