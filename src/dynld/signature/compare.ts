/** What two types differ in: the first difference, the fewest steps away. */

import { declaration } from "../ctype/declaration.ts";
import {
  bare,
  type CFunction,
  type CMember,
  type CRecord,
  type CSymbol,
  type CType,
  isRecord,
} from "../ctype.ts";
import { type CDefined, defined, Emitter, memberOrder, type Pieces } from "./emit.ts";

/** What a difference is one of. */
export type DifferenceKind =
  /** One is a function and the other a variable. */
  | "symbol"
  /** The number of parameters, or whether more may follow. */
  | "parameters"
  /** The type of a parameter, result, variable or member. */
  | "type"
  /** A member that is not there, has another name or is elsewhere. */
  | "member"
  /** The size of a structure, union or enumeration whose members are the same. */
  | "size"
  /** The constants of an enumeration, or whether they have a sign. */
  | "enumerators"
  /** One is complete and the other is not. */
  | "completion";

/** What one of two types has where they differ. */
export interface DifferenceSide {
  /** As C declares it; `nothing` where the other has something. */
  readonly text: string;
  /** Of a member: bits from the start of its structure. */
  readonly bitOffset?: number;
  /** Of a bit-field. */
  readonly bitSize?: number;
}

/** The first difference of two types. */
export interface TypeDifference {
  readonly kind: DifferenceKind;
  /** The way from the symbol: `parameter 1`, `struct Dev`, `.read`. */
  readonly path: readonly string[];
  /** The structure, union or enumeration that differs: `struct Dev`; `undefined` when it is the symbol's own type. */
  readonly type: string | undefined;
  readonly expected: DifferenceSide;
  readonly found: DifferenceSide;
}

/** How types are compared. */
export interface CompareOptions {
  /** Takes an incomplete structure, union or enumeration for any of the same tag. */
  readonly completions?: boolean;
}

interface Pair {
  readonly expected: CType;
  readonly found: CType;
  readonly path: readonly string[];
}

/**
 * Compares two symbols' types by what is in their signatures.
 * @returns `undefined` when they are the same
 * @throws DynldError DYNLD_BAD_TYPE, DwarfError
 */
export function compareSymbols(
  expected: CSymbol,
  found: CSymbol,
  options: CompareOptions = {},
): TypeDifference | undefined {
  if (expected.kind !== found.kind || expected.addressSize !== found.addressSize) {
    const side = ({ kind, addressSize }: CSymbol): DifferenceSide => ({
      text: `${kind} of ${8 * addressSize}-bit code`,
    });
    return { kind: "symbol", path: [], type: undefined, expected: side(expected), found: side(found) };
  }
  return new Comparison(options).run(expected.type, found.type);
}

class Comparison {
  readonly #options: CompareOptions;
  readonly #emitter = new Emitter();
  readonly #met = new Map<CDefined, Set<CDefined>>();
  #waiting: Pair[] = [];

  constructor(options: CompareOptions) {
    this.#options = options;
  }

  run(expected: CType, found: CType): TypeDifference | undefined {
    const [a, b] = [bare(expected), bare(found)];
    const isBoth = a.kind === "function" && b.kind === "function";
    const first = isBoth ? this.#functions(a, b) : this.#types({ expected, found, path: [] }, undefined);
    if (first !== undefined) return first;
    // Each round goes one structure further.
    while (this.#waiting.length > 0) {
      const pairs = this.#waiting;
      this.#waiting = [];
      for (const pair of pairs) {
        const difference = this.#definitions(pair);
        if (difference !== undefined) return difference;
      }
    }
    return undefined;
  }

  #functions(a: CFunction, b: CFunction): TypeDifference | undefined {
    const result = { expected: unqualified(a.result), found: unqualified(b.result), path: ["result"] };
    const first = this.#types(result, undefined);
    if (first !== undefined) return first;
    for (const [index, { type }] of a.parameters.entries()) {
      const other = b.parameters[index]?.type;
      if (other === undefined) break;
      const pair = {
        expected: unqualified(type),
        found: unqualified(other),
        path: [`parameter ${index + 1}`],
      };
      const difference = this.#types(pair, undefined);
      if (difference !== undefined) return difference;
    }
    const isSame =
      a.parameters.length === b.parameters.length &&
      a.isVariadic === b.isVariadic &&
      isUnknown(a) === isUnknown(b);
    if (isSame) return undefined;
    return { kind: "parameters", path: [], type: undefined, expected: counted(a), found: counted(b) };
  }

  /** Compares up to the next structures, which wait. @param around the structure that has the two as members */
  #types(
    pair: Pair,
    around: { readonly of: string; readonly members: readonly [CMember, CMember] } | undefined,
  ): TypeDifference | undefined {
    const expected = this.#piecesOf(pair.expected);
    const found = this.#piecesOf(pair.found);
    const isSame =
      expected.length === found.length &&
      expected.every((piece, i) => {
        const other = found[i];
        if (typeof piece === "string" || typeof other === "string") return piece === other;
        return other !== undefined && isAlike(piece, other);
      });
    if (!isSame) {
      return {
        kind: "type",
        path: pair.path,
        type: around?.of,
        expected: around === undefined ? { text: show(pair.expected) } : memberSide(around.members[0]),
        found: around === undefined ? { text: show(pair.found) } : memberSide(around.members[1]),
      };
    }
    for (const [i, piece] of expected.entries()) {
      const other = found[i];
      if (typeof piece === "string" || typeof other === "string" || other === undefined) continue;
      if (this.#isNew(piece, other)) this.#waiting.push({ expected: piece, found: other, path: pair.path });
    }
    return undefined;
  }

  /** The pieces of a type, incomplete structures among the definitions. */
  #piecesOf(type: CType): Pieces {
    this.#emitter.type(type, { isOpen: true });
    return this.#emitter.take();
  }

  #isNew(a: CDefined, b: CDefined): boolean {
    if (a === b) return false;
    let met = this.#met.get(a);
    if (met === undefined) {
      met = new Set();
      this.#met.set(a, met);
    }
    const size = met.size;
    return met.add(b).size > size;
  }

  #definitions({ expected, found, path }: Pair): TypeDifference | undefined {
    if (isRecord(expected) && isRecord(found)) return this.#records(expected, found, path);
    if (expected.kind !== "enum" || found.kind !== "enum") return undefined;
    const type = show(expected);
    const to = [...path, type];
    if (!expected.isComplete || !found.isComplete) return this.#completion(expected, found, to);
    const length = Math.max(expected.enumerators.length, found.enumerators.length);
    for (let i = 0; i < length; i++) {
      const [a, b] = [expected.enumerators[i], found.enumerators[i]];
      if (a?.name === b?.name && a?.value === b?.value) continue;
      const side = (one: typeof a): DifferenceSide => ({
        text: one ? `${one.name} = ${one.value}` : "nothing",
      });
      return { kind: "enumerators", path: to, type, expected: side(a), found: side(b) };
    }
    if (expected.isSigned !== found.isSigned) {
      const side = (is: boolean): DifferenceSide => ({ text: is ? "signed" : "unsigned" });
      return {
        kind: "enumerators",
        path: to,
        type,
        expected: side(expected.isSigned),
        found: side(found.isSigned),
      };
    }
    return sizes(expected, found, to);
  }

  #completion(expected: CDefined, found: CDefined, path: readonly string[]): TypeDifference | undefined {
    if (this.#options.completions === true || expected.isComplete === found.isComplete) return undefined;
    const side = ({ isComplete }: CDefined): DifferenceSide => ({
      text: isComplete ? "complete" : "incomplete",
    });
    return { kind: "completion", path, type: show(expected), expected: side(expected), found: side(found) };
  }

  #records(expected: CRecord, found: CRecord, path: readonly string[]): TypeDifference | undefined {
    const of = show(expected);
    const to = [...path, of];
    if (!expected.isComplete || !found.isComplete) return this.#completion(expected, found, to);
    const [ours, theirs] = [memberOrder(expected), memberOrder(found)];
    for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
      const [a, b] = [ours[i], theirs[i]];
      if (a === undefined || b === undefined) {
        return { kind: "member", path: to, type: of, expected: memberSide(a), found: memberSide(b) };
      }
      const isPlaced =
        a.name === b.name && a.role === b.role && a.bitOffset === b.bitOffset && a.bitSize === b.bitSize;
      if (!isPlaced)
        return { kind: "member", path: to, type: of, expected: memberSide(a), found: memberSide(b) };
      if (a.role === "vtable") continue;
      const step = [...to, `.${a.name ?? i}`];
      const difference = this.#types(
        { expected: a.type, found: b.type, path: step },
        { of, members: [a, b] },
      );
      if (difference !== undefined) return difference;
      // What has grown in here moves all behind it: the difference is inside.
      const [inA, inB] = [held(a.type), held(b.type)];
      if (inA !== undefined && inB !== undefined && inA.size !== inB.size) {
        const inside = this.#definitions({ expected: inA, found: inB, path: step });
        if (inside !== undefined) return inside;
      }
    }
    return sizes(expected, found, to);
  }
}

function sizes(expected: CDefined, found: CDefined, path: readonly string[]): TypeDifference | undefined {
  if (expected.size === found.size) return undefined;
  const side = ({ size }: CDefined): DifferenceSide => ({ text: `${size ?? "unknown"} bytes` });
  return { kind: "size", path, type: show(expected), expected: side(expected), found: side(found) };
}

/** Whether two definitions are called the same: what is in them is compared later. */
function isAlike(a: CDefined, b: CDefined): boolean {
  return defined(a) === defined(b) && a.tag === b.tag;
}

/** The structure that a type is, or an array of it. */
function held(type: CType): CDefined | undefined {
  let at = bare(type);
  for (let step = 0; at.kind === "array" && step < 128; step++) at = bare(at.element);
  return isRecord(at) || at.kind === "enum" ? at : undefined;
}

function unqualified(type: CType): CType {
  return type.kind === "qualified" ? unqualified(type.type) : type;
}

/** Whether nobody knows the parameters: `int f()` in C. */
function isUnknown({ parameters, isPrototyped }: CFunction): boolean {
  return !isPrototyped && parameters.length === 0;
}

function counted(type: CFunction): DifferenceSide {
  const { parameters, isVariadic } = type;
  if (isUnknown(type)) return { text: "unknown parameters" };
  return { text: `${parameters.length} parameters${isVariadic ? " and more" : ""}` };
}

function memberSide(member: CMember | undefined): DifferenceSide {
  if (member === undefined) return { text: "nothing" };
  const { name, type, role, bitOffset, bitSize } = member;
  const text = role === "base" ? show(type) : declaration(type, name ?? "", { resolved: true });
  return {
    text: bitSize === undefined ? text : `${text} : ${bitSize}`,
    ...(bitOffset === undefined ? {} : { bitOffset }),
    ...(bitSize === undefined ? {} : { bitSize }),
  };
}

function show(type: CType): string {
  return declaration(type, "", { resolved: true });
}
