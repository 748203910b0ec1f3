/** Types from canonical texts: the reverse of emit.ts. */
import { DynldError } from "../../errors.ts";
import {
  type CEncoding,
  type CEnumerator,
  type CMember,
  type CParameter,
  type CQualifier,
  type CSymbol,
  type CType,
  VOID,
} from "../ctype.ts";
import { type CDefined, ENCODING_LETTERS } from "./emit.ts";

/** Types within one another. */
const DEEPEST = 512;

const ENCODINGS: ReadonlyMap<string, CEncoding> = new Map(
  Object.entries(ENCODING_LETTERS).map(([encoding, letter]) => [letter, asEncoding(encoding)]),
);
const QUALIFIERS: ReadonlyMap<string, CQualifier> = new Map([
  ["K", "const"],
  ["V", "volatile"],
  ["R", "restrict"],
]);
const ROLES: ReadonlyMap<string, CMember["role"]> = new Map([
  ["^", "base"],
  ["!", "vtable"],
  ["|", "variant"],
]);

/** What a reference in a text leads to. */
export interface References {
  /** `@` and what stands behind it, or `#` and a number; `undefined` when there is no such definition. */
  find(reference: string): CDefined | undefined;
}

/** A definition that is being read: a structure must be there before its members, which may lead back to it. */
interface Opened {
  readonly type: CDefined;
  /** Reads what is in it. */
  fill(): void;
}

/** Reads one text, from left to right. */
export class TypeParser {
  readonly #text: string;
  readonly #references: References;
  readonly #addressSize: number;
  #at = 0;
  #depth = 0;

  constructor(text: string, references: References, addressSize: number) {
    this.#text = text;
    this.#references = references;
    this.#addressSize = addressSize;
  }

  /** The symbol that a whole text is. @throws DynldError DYNLD_BAD_VALUE */
  static symbol(text: string, name: string, references: References): CSymbol {
    const [head, letter, digit] = /^([fv])([1-8])/.exec(text) ?? [];
    const addressSize = Number(digit ?? 0);
    const parser = new TypeParser(text, references, addressSize);
    if (head === undefined) parser.#fail("f or v, and the bytes of an address");
    parser.#at = head?.length ?? 0;
    const type = parser.#type();
    parser.#end();
    if (letter === "f" && type.kind !== "function") parser.#fail("a function");
    return { name, kind: letter === "f" ? "function" : "variable", type, addressSize };
  }

  /** The definition that a whole text begins. */
  definition(): Opened {
    const letter = this.#one();
    const size = this.#number();
    if (letter === "E") return this.#enumeration(size);
    if (letter !== "S" && letter !== "U") this.#fail("S, U or E");
    const tag = this.#optionalName();
    const members: CMember[] = [];
    const kind = letter === "S" ? "struct" : "union";
    const type: CDefined = { kind, keyword: kind, tag, size, isComplete: true, members };
    const fill = (): void => {
      this.#expect("{");
      while (this.#peek() !== "}") members.push(this.#member());
      this.#expect("}");
      this.#end();
    };
    return { type, fill };
  }

  #enumeration(size: number | undefined): Opened {
    const sign = this.#one();
    if (sign !== "s" && sign !== "u") this.#fail("s or u");
    const tag = this.#optionalName();
    const enumerators: CEnumerator[] = [];
    const type: CDefined = { kind: "enum", tag, size, isSigned: sign === "s", isComplete: true, enumerators };
    const fill = (): void => {
      this.#expect("{");
      while (this.#peek() !== "}") {
        const name = this.#name();
        enumerators.push({ name, value: BigInt(this.#match(/-?\d+/y, "a number")) });
        this.#expect(",");
      }
      this.#expect("}");
      this.#end();
    };
    return { type, fill };
  }

  #member(): CMember {
    const place = this.#match(/\?|\d+(?:\.\d+)?/y, "an offset");
    let bitSize: number | undefined;
    if (this.#skip(":")) bitSize = Number(this.#match(/\d+/y, "a number of bits"));
    const bitOffset = place === "?" ? undefined : Number(place) * (bitSize === undefined ? 8 : 1);
    const role = ROLES.get(this.#peek()) ?? "member";
    if (role !== "member") this.#at++;
    const isVtable = role === "vtable";
    const name = isVtable ? "_vptr" : this.#optionalName();
    const type = isVtable ? pointerTo(VOID, this.#addressSize) : this.#type();
    this.#expect(";");
    return { name, type, role, bitOffset, bitSize };
  }

  #type(): CType {
    if (++this.#depth > DEEPEST) this.#fail(`no more than ${DEEPEST} types within one another`);
    const type = this.#inner();
    this.#depth--;
    return type;
  }

  #inner(): CType {
    const letter = this.#one();
    switch (letter) {
      case "v":
        return VOID;
      case "*":
      case "&":
        return pointerTo(this.#type(), this.#addressSize, letter);
      case "%":
        return pointerTo(this.#type(), this.#addressSize, "&&");
      case "[": {
        const count = this.#number();
        this.#expect("]");
        const element = this.#type();
        const size = count === undefined || element.size === undefined ? undefined : count * element.size;
        return { kind: "array", size, element, count };
      }
      case "<": {
        const size = this.#number();
        this.#expect(">");
        return { kind: "vector", size, element: this.#type() };
      }
      case "(":
        return this.#function();
      case "o":
        return { kind: "other", size: this.#number(), name: this.#name() };
      case "S":
      case "U":
      case "E":
        return this.#incomplete(letter);
      case "@":
      case "#": {
        const reference = letter + this.#match(/[0-9a-f.]+/y, "a reference");
        return this.#references.find(reference) ?? this.#fail(`a definition ${reference}`);
      }
      default:
        return this.#qualifiedOrBase(letter);
    }
  }

  #qualifiedOrBase(letter: string): CType {
    const qualifier = QUALIFIERS.get(letter);
    if (qualifier !== undefined) {
      const type = this.#type();
      return { kind: "qualified", size: type.size, qualifier, type };
    }
    const encoding = ENCODINGS.get(letter);
    const size = encoding === undefined ? undefined : this.#number();
    if (encoding === undefined || size === undefined) this.#fail("a type");
    return { kind: "base", encoding, size, name: this.#name() };
  }

  #incomplete(letter: "S" | "U" | "E"): CType {
    const tag = this.#optionalName();
    this.#expect("?");
    const common = { tag, size: undefined, isComplete: false };
    if (letter === "E") return { kind: "enum", ...common, isSigned: false, enumerators: [] };
    const kind = letter === "S" ? "struct" : "union";
    return { kind, keyword: kind, ...common, members: [] };
  }

  #function(): CType {
    const parameters: CParameter[] = [];
    let isVariadic = false;
    const isPrototyped = !this.#skip("?");
    while (!this.#skip(")")) {
      if (parameters.length > 0) this.#expect(",");
      isVariadic = this.#skip(".");
      if (!isVariadic) parameters.push({ name: undefined, type: this.#type() });
      if (isVariadic && this.#peek() !== ")") this.#fail(")");
    }
    return { kind: "function", size: undefined, result: this.#type(), parameters, isVariadic, isPrototyped };
  }

  #optionalName(): string | undefined {
    return this.#peek() === "'" ? this.#name() : undefined;
  }

  #name(): string {
    const quotedName = this.#match(/'(?:[^\\'\n]|\\[\\'n])*'/y, "a name");
    return quotedName.slice(1, -1).replace(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
  }

  #number(): number | undefined {
    const digits = this.#match(/\d*/y, "a number");
    return digits === "" ? undefined : Number(digits);
  }

  #match(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) this.#fail(what);
    this.#at += found.length;
    return found;
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #one(): string {
    return this.#text[this.#at++] ?? "";
  }

  #skip(character: string): boolean {
    const is = this.#peek() === character;
    if (is) this.#at++;
    return is;
  }

  #expect(character: string): void {
    if (!this.#skip(character)) this.#fail(character);
  }

  #end(): void {
    if (this.#at < this.#text.length) this.#fail("the end");
  }

  #fail(expected: string): never {
    const found = JSON.stringify(this.#text.slice(this.#at, this.#at + 16));
    const what = `text of a type, character ${this.#at}: found ${found}, expected ${expected}`;
    throw new DynldError("DYNLD_BAD_VALUE", {}, what);
  }
}

function pointerTo(target: CType, size: number, form: "*" | "&" | "&&" = "*"): CType {
  return { kind: "pointer", size, form, target };
}

function asEncoding(text: string): CEncoding {
  switch (text) {
    case "bool":
    case "signed":
    case "unsigned":
    case "character":
    case "float":
    case "complex":
    case "decimal":
      return text;
    default:
      return "other";
  }
}
