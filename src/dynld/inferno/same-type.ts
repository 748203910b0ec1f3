/** When Inferno's compilers take two types for the same one: by structure, to a depth of 5. */
import type { Budget } from "./budget.ts";
import { type FunctionType, isStruct, linkOf, type SignType, type StructType } from "./sign-type.ts";

/** Types nested deeper than this are taken for the same. */
const DEPTH = 5;

/** Compares types, and remembers what it found: a comparison of all members of all members is made once. */
export class TypeComparison {
  readonly #budget: Budget;
  readonly #numbers = new Map<SignType, number>();
  readonly #known = new Map<string, boolean>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Whether two types are the same. */
  same(a: SignType, b: SignType): boolean {
    return a === b || this.#chain(a, b, DEPTH);
  }

  /** Compares two types and what they are made of in turn, down to nothing. */
  #chain(first: SignType | undefined, second: SignType | undefined, above: number): boolean {
    const depth = above - 1;
    let a = first;
    let b = second;
    for (;;) {
      this.#budget.spend();
      if (a === b) return true;
      if (a === undefined || b === undefined) return false;
      if (depth <= 0) return true;
      if (a.kind !== b.kind) return false;
      if (a.kind === "function" || isStruct(a)) return this.#remembered(a, b, depth);
      if (a.kind === "array" && b.kind === "array") {
        if (a.width !== b.width && a.width !== 0 && b.width !== 0) return false;
      }
      const pointer = a.kind === "pointer";
      a = linkOf(a);
      b = linkOf(b);
      // A pointer to void is one to anything.
      if (pointer && (a?.kind === "void" || b?.kind === "void")) return true;
    }
  }

  #remembered(a: SignType, b: SignType, depth: number): boolean {
    const key = `${this.#number(a)},${this.#number(b)},${depth}`;
    let answer = this.#known.get(key);
    if (answer === undefined) {
      if (a.kind === "function" && b.kind === "function") answer = this.#functions(a, b, depth);
      else answer = isStruct(a) && isStruct(b) && this.#structs(a, b, depth);
      this.#known.set(key, answer);
    }
    return answer;
  }

  #number(type: SignType): number {
    const known = this.#numbers.get(type);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(type, number);
    return number;
  }

  /** An empty list of parameters goes with any; marks of old-style definitions at the start are passed over. */
  #functions(a: FunctionType, b: FunctionType, depth: number): boolean {
    if (!this.#chain(a.result, b.result, depth)) return false;
    const ours = withoutMarks(a.parameters);
    const theirs = withoutMarks(b.parameters);
    return ours.length === 0 || theirs.length === 0 || this.#lists(ours, theirs, depth);
  }

  #structs(a: StructType, b: StructType, depth: number): boolean {
    if (a.members.length === 0 && b.members.length === 0) return a.tag !== undefined && a.tag === b.tag;
    return this.#lists(a.members, b.members, depth);
  }

  #lists(a: readonly SignType[], b: readonly SignType[], depth: number): boolean {
    if (a === b) return true;
    // One that ends before the other differs where it ends, unless something differs before: either way it differs.
    if (a.length !== b.length) return false;
    return a.every((type, i) => this.#chain(type, b[i], depth));
  }
}

function withoutMarks(parameters: readonly SignType[]): readonly SignType[] {
  const start = parameters.findIndex((type) => type.kind !== "old");
  return start < 0 ? [] : parameters.slice(start);
}
