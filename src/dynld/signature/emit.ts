/**
 * The canonical text of one type, in which structures, unions and enumerations are left out and referred to.
 *
 *     type      = *qualifier unqualified
 *     qualifier = "K" / "V" / "R"                     const, volatile, restrict
 *     unqualified
 *               = "v"                                 void
 *               / encoding size name                  a number: s4'int'
 *               / "*" type / "&" type / "%" type      a pointer, a reference, one to what is moved
 *               / "[" [count] "]" type                an array
 *               / "<" size ">" type                   a vector of the processor
 *               / "(" ["?" / list] ")" type           a function: its parameters, "." where more may follow, its result
 *               / "o" [size] name                     what C has no word for
 *               / ("S" / "U" / "E") [name] "?"        an incomplete structure, union or enumeration
 *               / reference                           a complete one
 *     encoding  = b s u c f x d n                     bool signed unsigned character float complex decimal other
 *     name      = "'" characters "'"                  in which \, ' and the end of a line are \\, \' and \n
 *
 * Typedefs leave no trace; qualifiers of an array are those of its elements; qualifiers of parameters and results as such
 * are not part of a function's type; `_Atomic` is not told by all versions of DWARF, and left out.
 */
import { DynldError } from "../../errors.ts";
import type { CEncoding, CEnum, CFunction, CQualifier, CRecord, CType } from "../ctype.ts";
import { isRecord } from "../ctype.ts";

/** Types within one another, up to the next structure. */
const DEEPEST = 256;
/** Pieces of one text. Entries of damaged files can multiply without end. */
const MOST_PIECES = 1 << 20;

/** A complete structure, union or enumeration, whose text is its own. */
export type CDefined = CRecord | CEnum;

/** Letters of encodings. */
export const ENCODING_LETTERS: Readonly<Record<CEncoding, string>> = {
  bool: "b",
  signed: "s",
  unsigned: "u",
  character: "c",
  float: "f",
  complex: "x",
  decimal: "d",
  other: "n",
};

/** Text, and the definitions that stand between. */
export type Pieces = (string | CDefined)[];

/** A bit for each qualifier that counts. */
export const QUALIFIER_BITS = { const: 1, volatile: 2, restrict: 4, _Atomic: 0 } as const satisfies Record<
  CQualifier,
  number
>;
/** By the bits. */
export const QUALIFIER_LETTERS: readonly string[] = ["", "K", "V", "KV", "R", "KR", "VR", "KVR"];

/** How a type is written. */
export interface EmitOptions {
  /** Leaves incomplete structures, unions and enumerations out, too. */
  readonly isOpen?: boolean;
  /** {@link QUALIFIER_BITS} beside the type's own. */
  readonly qualifiers?: number;
}

/** Collects the pieces of texts. */
export class Emitter {
  #pieces: Pieces = [];
  #text = "";
  #isOpen = false;
  #left = MOST_PIECES;

  /** The pieces so far; what comes next begins anew. */
  take(): Pieces {
    this.#flush();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#left = MOST_PIECES;
    return pieces;
  }

  /** Text as it is. */
  text(text: string): void {
    this.#text += text;
  }

  /** A type. @throws DynldError DYNLD_BAD_TYPE when it has no end */
  type(type: CType, { isOpen = false, qualifiers = 0 }: EmitOptions = {}): void {
    this.#isOpen = isOpen;
    this.#type(type, qualifiers, 0);
  }

  #type(given: CType, outer: number, depth: number): void {
    let qualifiers = outer;
    let type = given;
    for (let step = 0; type.kind === "typedef" || type.kind === "qualified"; step++) {
      if (type.kind === "qualified") qualifiers |= QUALIFIER_BITS[type.qualifier];
      type = type.type;
      if (step > DEEPEST) this.#fail();
    }
    if (depth > DEEPEST || this.#left-- < 0) this.#fail();
    if (type.kind === "array") {
      this.#text += `[${type.count ?? ""}]`;
      this.#type(type.element, qualifiers, depth + 1);
      return;
    }
    if (type.kind !== "function") this.#text += QUALIFIER_LETTERS[qualifiers] ?? "";
    switch (type.kind) {
      case "void":
        this.#text += "v";
        return;
      case "base":
        this.#text += `${ENCODING_LETTERS[type.encoding]}${type.size}${quoted(type.name)}`;
        return;
      case "pointer":
        this.#text += type.form === "&&" ? "%" : type.form;
        this.#type(type.target, 0, depth + 1);
        return;
      case "vector":
        this.#text += `<${type.size ?? ""}>`;
        this.#type(type.element, 0, depth + 1);
        return;
      case "function":
        this.#function(type, depth);
        return;
      case "other":
        this.#text += `o${type.size ?? ""}${quoted(type.name)}`;
        return;
      default:
        this.#defined(type);
    }
  }

  #function(type: CFunction, depth: number): void {
    this.#text += "(";
    let comma = "";
    for (const parameter of type.parameters) {
      this.#text += comma;
      this.#type(unqualified(parameter.type), 0, depth + 1);
      comma = ",";
    }
    if (type.isVariadic) this.#text += `${comma}.`;
    else if (!type.isPrototyped && type.parameters.length === 0) this.#text += "?";
    this.#text += ")";
    this.#type(unqualified(type.result), 0, depth + 1);
  }

  #defined(type: CDefined): void {
    if (type.isComplete || this.#isOpen) {
      this.#flush();
      this.#pieces.push(type);
    } else this.#text += `${defined(type)}${type.tag === undefined ? "" : quoted(type.tag)}?`;
  }

  #flush(): void {
    if (this.#text !== "") this.#pieces.push(this.#text);
    this.#text = "";
  }

  #fail(): never {
    throw new DynldError(
      "DYNLD_BAD_TYPE",
      {},
      "found a type that is made of itself, or of more than has a signature",
    );
  }
}

/** The letter of a structure, union or enumeration. `class` and `struct` of C++ are the same but for defaults. */
export function defined(type: CDefined): "S" | "U" | "E" {
  if (type.kind === "enum") return "E";
  return type.kind === "union" ? "U" : "S";
}

/** A name in quotes. */
export function quoted(name: string): string {
  if (!/[\\'\n]/.test(name)) return `'${name}'`;
  return `'${name.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`;
}

/** A type without qualifiers of its own. Typedefs stay. */
function unqualified(type: CType): CType {
  let at = type;
  for (let step = 0; step < DEEPEST; step++) {
    if (at.kind !== "typedef" && at.kind !== "qualified") return at;
    at = at.type;
  }
  return at;
}

/**
 * The text of a definition:
 *
 *     definition = ("S" / "U") size [name] "{" *(member ";") "}" / "E" size ("s" / "u") [name] "{" *(name value ",") "}"
 *     member     = (offset / "?") [":" bits] ("!" / ["^" / "|"] [name] type)
 *
 * with offsets in bytes, of bit-fields in bits and with their width; `?` is computed, `^` a base class, `|` a part that
 * only some values have, `!` the pointer to virtual functions. Members of structures are in the order of their offsets.
 */
export function definitionPieces(type: CDefined, emitter: Emitter): Pieces {
  if (isRecord(type)) emitRecord(type, emitter);
  else {
    emitter.text(definitionStart(type));
    for (const { name, value } of type.enumerators) emitter.text(`${quoted(name)}${value},`);
    emitter.text("}");
  }
  return emitter.take();
}

/** What stands before the members or constants of a definition. */
export function definitionStart(type: CDefined): string {
  const sign = type.kind !== "enum" ? "" : type.isSigned ? "s" : "u";
  const tag = type.tag === undefined ? "" : quoted(type.tag);
  return `${defined(type)}${type.size ?? ""}${sign}${tag}{`;
}

const ROLE_SIGNS = { member: "", base: "^", vtable: "!", variant: "|" } as const;
const ROLE_RANKS = { base: 0, vtable: 1, member: 2, variant: 3 } as const;

function emitRecord(type: CRecord, emitter: Emitter): void {
  emitter.text(definitionStart(type));
  for (const member of memberOrder(type)) {
    const { name, role, bitOffset, bitSize } = member;
    const offset = bitOffset === undefined ? "?" : String(bitSize === undefined ? bitOffset / 8 : bitOffset);
    emitter.text(offset + (bitSize === undefined ? "" : `:${bitSize}`) + ROLE_SIGNS[role]);
    if (role !== "vtable") {
      if (name !== undefined) emitter.text(quoted(name));
      emitter.type(member.type);
    }
    emitter.text(";");
  }
  emitter.text("}");
}

/** The members in the order of the text: compilers put base classes and the pointer to virtual functions in places of their own. */
export function memberOrder({ kind, members }: CRecord): CRecord["members"] {
  if (kind === "union" || members.every((one) => one.role === "member")) return members;
  const at = (offset: number | undefined): number => offset ?? Number.MAX_SAFE_INTEGER;
  return [...members].sort(
    (a, b) => at(a.bitOffset) - at(b.bitOffset) || ROLE_RANKS[a.role] - ROLE_RANKS[b.role],
  );
}
