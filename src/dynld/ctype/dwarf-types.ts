/** Types that are entries of debug information. What they are made of is read when it is asked for. */
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import {
  bare,
  type CArray,
  type CEnum,
  type CEnumerator,
  type CFunction,
  type CMember,
  type CParameter,
  type CPointer,
  type CQualified,
  type CQualifier,
  type CRecord,
  type CType,
  type CTypedef,
  type CTypeEntry,
  type CVector,
} from "../ctype.ts";

/** What reads the parts of types. */
export interface TypeParts {
  /** `undefined` is `void`. */
  type(entry: CTypeEntry | undefined): CType;
  members(entry: CTypeEntry): CMember[];
  enumerators(entry: CTypeEntry, size: number, isSigned: boolean): CEnumerator[];
}

/** Where an entry is, and who reads what it is made of. */
abstract class Entry {
  readonly unit: DwarfUnit;
  readonly offset: number;
  protected readonly parts: TypeParts;

  constructor(parts: TypeParts, unit: DwarfUnit, offset: number) {
    this.parts = parts;
    this.unit = unit;
    this.offset = offset;
  }

  get entry(): CTypeEntry {
    return this;
  }
}

/** An entry that is made of one other type. */
abstract class Derived extends Entry {
  readonly #of: CTypeEntry | undefined;
  #type: CType | undefined;

  constructor(parts: TypeParts, unit: DwarfUnit, offset: number, of: CTypeEntry | undefined) {
    super(parts, unit, offset);
    this.#of = of;
  }

  protected get of(): CType {
    this.#type ??= this.parts.type(this.#of);
    return this.#type;
  }
}

export class DwarfPointer extends Derived implements CPointer {
  readonly kind = "pointer";
  readonly size: number;
  readonly form: CPointer["form"];

  constructor(
    parts: TypeParts,
    at: CTypeEntry,
    of: CTypeEntry | undefined,
    form: CPointer["form"],
    size: number,
  ) {
    super(parts, at.unit, at.offset, of);
    this.form = form;
    this.size = size;
  }

  get target(): CType {
    return this.of;
  }
}

export class DwarfTypedef extends Derived implements CTypedef {
  readonly kind = "typedef";
  readonly name: string;

  constructor(parts: TypeParts, at: CTypeEntry, of: CTypeEntry | undefined, name: string) {
    super(parts, at.unit, at.offset, of);
    this.name = name;
  }

  get type(): CType {
    return this.of;
  }

  get size(): number | undefined {
    return bare(this).size;
  }
}

export class DwarfQualified extends Derived implements CQualified {
  readonly kind = "qualified";
  readonly qualifier: CQualifier;

  constructor(parts: TypeParts, at: CTypeEntry, of: CTypeEntry | undefined, qualifier: CQualifier) {
    super(parts, at.unit, at.offset, of);
    this.qualifier = qualifier;
  }

  get type(): CType {
    return this.of;
  }

  get size(): number | undefined {
    return bare(this).size;
  }
}

export class DwarfVector extends Derived implements CVector {
  readonly kind = "vector";
  readonly #count: number | undefined;
  readonly #size: number | undefined;

  constructor(
    parts: TypeParts,
    at: CTypeEntry,
    of: CTypeEntry | undefined,
    { count, size }: { readonly count: number | undefined; readonly size: number | undefined },
  ) {
    super(parts, at.unit, at.offset, of);
    this.#count = count;
    this.#size = size;
  }

  get element(): CType {
    return this.of;
  }

  get size(): number | undefined {
    const element = bare(this.of);
    if (this.#size !== undefined || this.#count === undefined) return this.#size;
    return element.kind === "base" || element.kind === "pointer" ? this.#count * element.size : undefined;
  }
}

/** The first dimension of an array; the others are arrays that it is made of. */
export class DwarfArray extends Derived implements CArray {
  readonly kind = "array";
  readonly count: number | undefined;
  readonly #inner: readonly (number | undefined)[];
  #element: CType | undefined;

  /** @param counts of all dimensions from this on */
  constructor(
    parts: TypeParts,
    at: CTypeEntry,
    of: CTypeEntry | undefined,
    counts: readonly (number | undefined)[],
  ) {
    super(parts, at.unit, at.offset, of);
    this.count = counts[0];
    this.#inner = counts.slice(1);
    if (this.#inner.length > 0) this.#element = new DwarfArray(parts, at, of, this.#inner);
  }

  get element(): CType {
    this.#element ??= this.of;
    return this.#element;
  }

  get size(): number | undefined {
    return arraySize(this);
  }
}

/** Arrays in arrays before they are taken for a loop. */
const MOST_DIMENSIONS = 128;

function arraySize(array: CArray): number | undefined {
  let size = 1;
  let at: CType = array;
  for (let step = 0; step < MOST_DIMENSIONS; step++) {
    const found = bare(at);
    if (found.kind !== "array") return found.size === undefined ? undefined : size * found.size;
    if (found.count === undefined) return undefined;
    size *= found.count;
    at = found.element;
  }
  return undefined;
}

export class DwarfEnum extends Entry implements CEnum {
  readonly kind = "enum";
  readonly tag: string | undefined;
  readonly size: number | undefined;
  readonly isSigned: boolean;
  readonly isComplete: boolean;
  #enumerators: readonly CEnumerator[] | undefined;

  constructor(
    parts: TypeParts,
    at: CTypeEntry,
    facts: Pick<CEnum, "tag" | "size" | "isSigned" | "isComplete">,
  ) {
    super(parts, at.unit, at.offset);
    this.tag = facts.tag;
    this.size = facts.size;
    this.isSigned = facts.isSigned;
    this.isComplete = facts.isComplete;
  }

  get enumerators(): readonly CEnumerator[] {
    this.#enumerators ??= this.parts.enumerators(this, this.size ?? 4, this.isSigned);
    return this.#enumerators;
  }
}

export class DwarfRecord extends Entry implements CRecord {
  readonly kind: CRecord["kind"];
  readonly keyword: CRecord["keyword"];
  readonly tag: string | undefined;
  readonly size: number | undefined;
  readonly isComplete: boolean;
  readonly alignment: number | undefined;
  readonly isPassedByAddress: boolean | undefined;
  #members: readonly CMember[] | undefined;

  constructor(
    parts: TypeParts,
    at: CTypeEntry,
    facts: Pick<CRecord, "keyword" | "tag" | "size" | "isComplete" | "alignment" | "isPassedByAddress">,
  ) {
    super(parts, at.unit, at.offset);
    this.kind = facts.keyword === "union" ? "union" : "struct";
    this.keyword = facts.keyword;
    this.tag = facts.tag;
    this.size = facts.size;
    this.isComplete = facts.isComplete;
    this.alignment = facts.alignment;
    this.isPassedByAddress = facts.isPassedByAddress;
  }

  get members(): readonly CMember[] {
    this.#members ??= this.isComplete ? this.parts.members(this) : [];
    return this.#members;
  }
}

export class DwarfFunction extends Derived implements CFunction {
  readonly kind = "function";
  readonly size = undefined;
  readonly isVariadic: boolean;
  readonly isPrototyped: boolean;
  readonly parameters: readonly CParameter[];

  constructor(
    parts: TypeParts,
    at: CTypeEntry,
    of: CTypeEntry | undefined,
    facts: Pick<CFunction, "parameters" | "isVariadic" | "isPrototyped">,
  ) {
    super(parts, at.unit, at.offset, of);
    this.parameters = facts.parameters;
    this.isVariadic = facts.isVariadic;
    this.isPrototyped = facts.isPrototyped;
  }

  get result(): CType {
    return this.of;
  }
}

/** A parameter, whose type is read when it is asked for: functions may be parameters of themselves. */
export class DwarfParameter implements CParameter {
  readonly name: string | undefined;
  readonly #parts: TypeParts;
  readonly #of: CTypeEntry | undefined;

  constructor(parts: TypeParts, of: CTypeEntry | undefined, name: string | undefined) {
    this.#parts = parts;
    this.#of = of;
    this.name = name;
  }

  get type(): CType {
    return this.#parts.type(this.#of);
  }
}
