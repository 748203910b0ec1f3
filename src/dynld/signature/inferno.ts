/** C types as Inferno's compilers would have seen them, for the signatures of Inferno's modules and tables. */
import {
  bare,
  type CBase,
  type CFunction,
  type CMember,
  type CRecord,
  type CSymbol,
  type CType,
} from "../ctype.ts";
import type { BasicKind, SignType } from "../inferno/sign-type.ts";
import { signof } from "../inferno/signof.ts";

/** Numbers by their names, since `long` is `long` there whatever size it has here. */
const KINDS: ReadonlyMap<string, BasicKind> = new Map([
  ["char", "char"],
  ["signed char", "char"],
  ["unsigned char", "uchar"],
  ["bool", "uchar"],
  ["short", "short"],
  ["unsigned short", "ushort"],
  ["int", "int"],
  ["unsigned int", "uint"],
  ["long", "long"],
  ["unsigned long", "ulong"],
  ["long long", "vlong"],
  ["unsigned long long", "uvlong"],
  ["float", "float"],
  ["double", "double"],
  ["long double", "double"],
]);
const SIGNED: ReadonlyMap<number, BasicKind> = new Map([
  [1, "char"],
  [2, "short"],
  [4, "int"],
  [8, "vlong"],
]);
const UNSIGNED: ReadonlyMap<number, BasicKind> = new Map([
  [1, "uchar"],
  [2, "ushort"],
  [4, "uint"],
  [8, "uvlong"],
]);

/**
 * The signature that Inferno's compilers give a symbol that is declared as this one is.
 * @throws DynldError DYNLD_BAD_TYPE for a type without a signature; DwarfError where debug information is damaged
 */
export function infernoSignature({ type }: CSymbol): number {
  return signof(infernoType(type));
}

/** A type as Inferno's `signof` looks at it. */
export function infernoType(type: CType): SignType {
  const mapping = new Mapping();
  const mapped = mapping.type(type, 0);
  mapping.finish();
  return mapped;
}

/** Types within one another, up to the next structure. */
const DEEPEST = 256;

class Mapping {
  readonly #records = new Map<CRecord, SignType>();
  /** Structures whose members are not mapped yet. */
  readonly #waiting: { readonly record: CRecord; readonly members: SignType[] }[] = [];

  finish(): void {
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      for (const member of next.record.members) next.members.push(this.#member(member));
    }
  }

  type(given: CType, depth: number): SignType {
    const type = bare(given);
    if (depth > DEEPEST) return { kind: "xxx" };
    switch (type.kind) {
      case "void":
        return { kind: "void" };
      case "base":
        return { kind: numberKind(type) };
      case "enum":
        return { kind: SIGNED.get(type.size ?? 4) ?? "int" };
      case "pointer":
        return { kind: "pointer", to: this.type(type.target, depth + 1) };
      case "array":
        return { kind: "array", of: this.type(type.element, depth + 1), width: type.size ?? 0 };
      case "function":
        return this.#function(type, depth);
      case "struct":
      case "union":
        return this.#record(type);
      default:
        return { kind: "xxx" };
    }
  }

  #function(type: CFunction, depth: number): SignType {
    const parameters = type.parameters.map((one) => this.type(one.type, depth + 1));
    if (type.isVariadic) parameters.push({ kind: "dot" });
    const result = this.type(type.result, depth + 1);
    if (type.isPrototyped) {
      return {
        kind: "function",
        result,
        parameters: parameters.length === 0 ? [{ kind: "void" }] : parameters,
      };
    }
    const old = parameters.length === 0 ? [] : [{ kind: "old" as const }, ...parameters.map(promoted)];
    return { kind: "function", result, parameters: old };
  }

  #record(record: CRecord): SignType {
    let mapped = this.#records.get(record);
    if (mapped === undefined) {
      const members: SignType[] = [];
      const { kind, tag } = record;
      mapped = tag === undefined ? { kind, members } : { kind, tag, members };
      this.#records.set(record, mapped);
      this.#waiting.push({ record, members });
    }
    return mapped;
  }

  #member({ type, bitSize }: CMember): SignType {
    if (bitSize === undefined) return this.type(type, 0);
    const found = bare(type);
    const isSigned =
      found.kind === "base" ? found.encoding === "signed" : found.kind === "enum" && found.isSigned;
    return { kind: isSigned ? "long" : "ulong" };
  }
}

function numberKind({ name, encoding, size }: CBase): BasicKind {
  const kind = KINDS.get(name);
  if (kind !== undefined) return kind;
  if (encoding === "float") return size <= 4 ? "float" : "double";
  if (encoding === "complex" || encoding === "decimal" || encoding === "other") return "xxx";
  return (encoding === "signed" ? SIGNED : UNSIGNED).get(size) ?? "xxx";
}

/** What an argument becomes when nothing says what the function takes. */
function promoted(type: SignType): SignType {
  switch (type.kind) {
    case "char":
    case "uchar":
    case "short":
    case "ushort":
      return { kind: "int" };
    case "float":
      return { kind: "double" };
    default:
      return type;
  }
}
