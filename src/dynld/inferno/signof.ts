/** `signof` of Inferno's C compilers: 32 bits that stand for a type. All arithmetic is modulo 2^32. */
import { Budget, endlessType } from "./budget.ts";
import { TypeComparison } from "./same-type.ts";
import { isStruct, linkOf, type SignType, type StructType } from "./sign-type.ts";

/** More functions than this in the parameters of each other, without a structure between, never end. */
const MAX_FUNCTIONS = 256;

/** What the sum so far is multiplied by: for each step inwards, */
const STEP = 0x2edab8c9;
/** for an array, or a structure that was met before, */
const AGAIN = 0x1dc74fb8;
/** and for each parameter or member. */
const EACH = 0x1f241331;

/** Signature where the sum is 0, and of the functions that compilers call on their own: `_div`, `_addv` … */
export const SIGNINTERN = 0x39e8f4c5;

const HASH: Readonly<Record<SignType["kind"], number>> = {
  char: 0x5cedd32b,
  uchar: 0x552c4454,
  short: 0x63040b4b,
  ushort: 0x32a45878,
  int: 0x4151d5bd,
  uint: 0x5ae707d6,
  long: 0x5ef20f47,
  ulong: 0x36d8eb8f,
  vlong: 0x6e5e9590,
  uvlong: 0x75910105,
  float: 0x25fd7af1,
  double: 0x7c40a1b2,
  pointer: 0x1b832357,
  function: 0x6babc9cb,
  array: 0x7c50986d,
  void: 0x44112eff,
  struct: 0x7c2da3bf,
  union: 0x3eb25e98,
  enum: 0x44b54f61,
  file: 0x19242ac3,
  old: 0x22b15988,
  dot: 0x0204f6b3,
  xxx: 0x17527bbd,
};

/** A type whose parts are being added: a function or structure. */
interface Frame {
  readonly parts: readonly SignType[];
  next: number;
  /** What follows behind the parts: the result of a function. */
  readonly after: SignType | undefined;
  sum: number;
  /** How many functions are directly inside each other here. */
  readonly functions: number;
}

/**
 * The signature of a type, as Inferno's compilers put it into symbol tables.
 *
 * @throws DynldError `DYNLD_BAD_TYPE` for a type that contains itself without a structure between
 */
export function signof(type: SignType): number {
  const budget = new Budget();
  const met = new MetStructs(budget);
  // As deep as types nest, which a program's stack need not be.
  const frames: Frame[] = [];
  let current: SignType | undefined = type;
  let sum = 0;
  for (;;) {
    if (current !== undefined) {
      budget.spend();
      sum = Math.imul(sum, STEP) + HASH[current.kind];
      const parts: readonly SignType[] | undefined = partsOf(current);
      if (parts === undefined) {
        if (current.kind === "array") sum = Math.imul(sum, AGAIN);
        current = linkOf(current);
        continue;
      }
      const number = isStruct(current) ? met.number(current) : undefined;
      if (isStruct(current) && (current.incomplete === true || number !== undefined)) {
        if (number !== undefined) sum = Math.imul(sum, AGAIN) + number;
        current = undefined;
        continue;
      }
      const functions = isStruct(current) ? 0 : (frames.at(-1)?.functions ?? 0) + 1;
      if (functions > MAX_FUNCTIONS) throw endlessType();
      frames.push({ parts, next: 0, after: linkOf(current), sum, functions });
    } else {
      // A signature is finished: the whole one's, or that of a part.
      const whole = frames.at(-1);
      if (whole === undefined) break;
      whole.sum = Math.imul(whole.sum, EACH) + sum;
    }
    const frame = frames.at(-1);
    if (frame === undefined) break;
    const part = frame.parts[frame.next++];
    if (part !== undefined) {
      current = part;
      sum = 0;
    } else {
      frames.pop();
      current = frame.after;
      sum = frame.sum;
    }
  }
  return sum >>> 0 || SIGNINTERN;
}

/** Types of parameters or members; `undefined` for types that have none of either. */
function partsOf(type: SignType): readonly SignType[] | undefined {
  if (type.kind === "function") return type.parameters;
  return isStruct(type) ? type.members : undefined;
}

/** The structures of one signature in the order they were met. */
class MetStructs {
  readonly #comparison: TypeComparison;
  #count = 0;
  /** By what has to be equal for two of them to be the same, so that few are compared. */
  readonly #alike = new Map<string, { readonly type: StructType; readonly number: number }[]>();

  constructor(budget: Budget) {
    this.#comparison = new TypeComparison(budget);
  }

  /** The number of the first structure that is the same; `undefined`, and a number for the next time, if it is new. */
  number(type: StructType): number | undefined {
    if (type.incomplete === true) return undefined;
    const key = `${type.kind} ${type.members.map((member) => member.kind).join(" ")}`;
    const alike = this.#alike.get(key) ?? [];
    const found = alike.find((one) => this.#comparison.same(one.type, type));
    if (found !== undefined) return found.number;
    alike.push({ type, number: this.#count++ });
    this.#alike.set(key, alike);
    return undefined;
  }
}
