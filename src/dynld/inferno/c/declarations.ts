/**
 * Declarations of C, read as Inferno's compilers read them before they compute signatures. Function bodies and
 * initialisers are passed over; macros are not known.
 */
import { Budget } from "../budget.ts";
import { type BasicKind, isStruct, type SignType } from "../sign-type.ts";
import { signof } from "../signof.ts";
import { type ConstantScope, constantExpression } from "./expression.ts";
import { TokenReader } from "./tokens.ts";
import { widthOf } from "./width.ts";

/** A structure while its members are being read. */
interface OpenStruct {
  readonly kind: "struct" | "union";
  readonly tag?: string;
  readonly members: SignType[];
  incomplete?: boolean;
}

/** What a declarator makes of a type, and the name that it gives it. */
interface Declarator {
  readonly name: string | undefined;
  readonly apply: (type: SignType) => SignType;
  /** Names in the brackets of an old-style definition. */
  readonly oldStyle: OldParameters | undefined;
}

/** Parameters of an old-style definition: their types are known only behind the brackets. */
interface OldParameters {
  readonly names: readonly string[];
  /** What the function's type has as parameters: filled once they are known. */
  readonly types: SignType[];
}

const STORAGE = new Set(["extern", "static", "auto", "register", "typedef", "inline", "typestr"]);
const QUALIFIERS = new Set(["const", "volatile", "restrict"]);
const WORDS = new Set(["void", "char", "short", "int", "long", "float", "double", "signed", "unsigned"]);
/** Nesting that no program has. */
const MAX_DEPTH = 200;

const INT: SignType = { kind: "int" };
const DOT: SignType = { kind: "dot" };

/** What a C text declares, and the signatures of that and of types in its terms. */
export class CDeclarations {
  readonly #tags = new Map<string, OpenStruct>();
  /** All structures, by themselves as others see them. */
  readonly #structs = new Map<SignType, OpenStruct>();
  readonly #typedefs = new Map<string, SignType>();
  readonly #constants = new Map<string, bigint>();
  readonly #symbols = new Map<string, SignType>();
  readonly #budget = new Budget();
  #depth = 0;

  /**
   * Reads a text of declarations and definitions, such as a header.
   *
   * @throws DynldError `DYNLD_BAD_TYPE` with the line where it is not C
   */
  static parse(text: string): CDeclarations {
    const declarations = new CDeclarations();
    const tokens = new TokenReader(text);
    while (tokens.peek().kind !== "end") declarations.#external(tokens);
    return declarations;
  }

  /** Types of the functions and variables that the text declares, by name. */
  get symbols(): ReadonlyMap<string, SignType> {
    return this.#symbols;
  }

  /**
   * A type by its name in C, in terms of what the text declares: `struct Dev *`, `int (*)(char *, ...)`.
   *
   * @throws DynldError `DYNLD_BAD_TYPE`
   */
  type(text: string): SignType {
    const tokens = new TokenReader(text);
    const type = this.#typeName(tokens);
    if (tokens.peek().kind !== "end") throw tokens.unexpected("the end of a type");
    return type;
  }

  /** The signature of a symbol that the text declares, or of a type in its terms. @throws DynldError `DYNLD_BAD_TYPE` */
  signof(text: string): number {
    return signof(this.#symbols.get(text) ?? this.type(text));
  }

  #external(tokens: TokenReader): void {
    if (tokens.accept(";")) return;
    if (tokens.peek().kind === "pragma") {
      this.#hide(tokens.take().text);
      return;
    }
    const { type, isTypedef } = this.#specifiers(tokens);
    if (tokens.accept(";")) return;
    for (;;) {
      const declarator = this.#declarator(tokens);
      if (declarator.name === undefined) throw tokens.unexpected("a name");
      if (declarator.oldStyle !== undefined) this.#oldStyle(tokens, declarator.oldStyle);
      const declared = declarator.apply(type);
      if (isTypedef) this.#typedefs.set(declarator.name, declared);
      else this.#declare(declarator.name, declared);
      if (declared.kind === "function" && tokens.accept("{")) {
        tokens.skipTo("}");
        tokens.expect("}");
        return;
      }
      if (tokens.accept("=")) tokens.skipTo(",", ";");
      if (tokens.accept(";")) return;
      tokens.expect(",");
    }
  }

  /** A later declaration completes an earlier one: a list of parameters, or the length of an array. */
  #declare(name: string, type: SignType): void {
    const before = this.#symbols.get(name);
    const known =
      (before?.kind === "function" && type.kind === "function" && type.parameters.length === 0) ||
      (before?.kind === "array" && type.kind === "array" && type.width === 0);
    if (!known) this.#symbols.set(name, type);
  }

  #hide(name: string): void {
    const type = this.#typedefs.get(name);
    const hidden = (type === undefined ? undefined : this.#structs.get(type)) ?? this.#tags.get(name);
    if (hidden !== undefined) hidden.incomplete = true;
  }

  /** Whether a type name starts `ahead` of the next token. */
  #startsType(tokens: TokenReader, ahead = 0): boolean {
    const { kind, text } = tokens.peek(ahead);
    if (kind !== "name") return false;
    const known = STORAGE.has(text) || QUALIFIERS.has(text) || WORDS.has(text) || this.#typedefs.has(text);
    return known || text === "struct" || text === "union" || text === "enum";
  }

  #specifiers(tokens: TokenReader): { type: SignType; isTypedef: boolean } {
    const words: string[] = [];
    let type: SignType | undefined;
    let isTypedef = false;
    for (;;) {
      const { kind, text } = tokens.peek();
      if (kind !== "name") break;
      if (STORAGE.has(text)) isTypedef ||= text === "typedef";
      else if (WORDS.has(text)) words.push(text);
      else if (text === "struct" || text === "union" || text === "enum") {
        tokens.take();
        type = text === "enum" ? this.#enum(tokens) : this.#struct(tokens, text);
        continue;
      } else if (!QUALIFIERS.has(text)) {
        const named = type === undefined && words.length === 0 ? this.#typedefs.get(text) : undefined;
        if (named === undefined) break;
        type = named;
      }
      tokens.take();
    }
    if (type !== undefined && words.length === 0) return { type, isTypedef };
    if (type !== undefined || words.length === 0) {
      // Old C's functions without a result type begin with their name.
      const { kind } = tokens.peek();
      if (type === undefined && kind === "name" && tokens.peek(1).text === "(")
        return { type: INT, isTypedef };
      throw tokens.unexpected("a type");
    }
    const basic = basicKind(words);
    if (basic === undefined) throw tokens.unexpected(`a type, after ${words.join(" ")}`);
    return { type: { kind: basic }, isTypedef };
  }

  #struct(tokens: TokenReader, kind: "struct" | "union"): SignType {
    const { kind: next, text } = tokens.peek();
    const tag = next === "name" ? text : undefined;
    if (tag !== undefined) tokens.take();
    let type = tag === undefined ? undefined : this.#tags.get(tag);
    type ??= tag === undefined ? { kind, members: [] } : { kind, tag, members: [] };
    this.#structs.set(type, type);
    if (type.kind !== kind) throw tokens.unexpected(`${tag} to be a ${type.kind}, as before`);
    if (tag !== undefined) this.#tags.set(tag, type);
    if (!tokens.accept("{")) {
      if (tag === undefined) throw tokens.unexpected("a tag or members");
      return type;
    }
    if (type.members.length > 0) throw tokens.unexpected(`one definition of ${kind} ${tag}`);
    this.#nested(tokens, () => {
      while (!tokens.accept("}")) this.#members(tokens, type.members);
    });
    return type;
  }

  #members(tokens: TokenReader, members: SignType[]): void {
    const { type } = this.#specifiers(tokens);
    if (tokens.accept(";")) {
      // Plan 9's C: a structure without a name of its own lends its members.
      if (!isStruct(type)) throw tokens.unexpected("a member's name");
      members.push(type);
      return;
    }
    do {
      const declarator = tokens.peek().text === ":" ? undefined : this.#declarator(tokens);
      const own = declarator?.apply(type) ?? type;
      if (tokens.accept(":")) {
        const width = constantExpression(tokens, this.#scope(tokens));
        // One without a name and width only aligns what follows.
        if (declarator !== undefined || width > 0n) members.push(bitField(own));
      } else {
        members.push(own);
      }
    } while (tokens.accept(","));
    tokens.expect(";");
  }

  /** An enum is the integer type that holds its constants. */
  #enum(tokens: TokenReader): SignType {
    if (tokens.peek().kind === "name") tokens.take();
    if (!tokens.accept("{")) return INT;
    let next = 0n;
    let type: SignType = INT;
    while (!tokens.accept("}")) {
      const { kind, text } = tokens.take();
      if (kind !== "name") throw tokens.unexpected("an enumerator");
      if (tokens.accept("=")) next = constantExpression(tokens, this.#scope(tokens));
      this.#constants.set(text, next);
      if (BigInt.asIntN(32, next) !== next && type.kind !== "vlong") {
        type = { kind: BigInt.asUintN(32, next) === next ? "uint" : "vlong" };
      }
      next++;
      if (tokens.peek().text !== "}") tokens.expect(",");
    }
    return type;
  }

  /** A declarator with a name or, in type names and parameters, without. */
  #declarator(tokens: TokenReader): Declarator {
    return this.#nested(tokens, () => {
      let pointers = 0;
      while (tokens.accept("*")) {
        pointers++;
        this.#budget.spend();
        while (QUALIFIERS.has(tokens.peek().text)) tokens.take();
      }
      const pointed = (type: SignType): SignType => {
        let made = type;
        for (let i = 0; i < pointers; i++) made = { kind: "pointer", to: made };
        return made;
      };
      let inner: Declarator = { name: undefined, apply: (type) => type, oldStyle: undefined };
      if (tokens.peek().kind === "name") {
        inner = { ...inner, name: tokens.take().text };
      } else if (tokens.peek().text === "(" && this.#isGrouping(tokens)) {
        tokens.take();
        inner = this.#declarator(tokens);
        tokens.expect(")");
      }
      const { apply, oldStyle } = this.#suffixes(tokens);
      return {
        name: inner.name,
        apply: (type) => inner.apply(apply(pointed(type))),
        oldStyle: oldStyle ?? inner.oldStyle,
      };
    });
  }

  /** Whether a bracket holds a declarator, not parameters. */
  #isGrouping(tokens: TokenReader): boolean {
    const { kind, text } = tokens.peek(1);
    return kind === "name" ? !this.#startsType(tokens, 1) : ["*", "(", "["].includes(text);
  }

  /** Lengths and parameters behind a declarator; the first one is what the name is. */
  #suffixes(tokens: TokenReader): Pick<Declarator, "apply" | "oldStyle"> {
    const makers: ((type: SignType) => SignType)[] = [];
    let oldStyle: OldParameters | undefined;
    for (;;) {
      this.#budget.spend();
      if (tokens.accept("[")) {
        const length = tokens.peek().text === "]" ? 0n : constantExpression(tokens, this.#scope(tokens));
        if (length < 0n) throw tokens.unexpected("a length of 0 or more");
        tokens.expect("]");
        makers.push((of) => ({ kind: "array", of, width: Number(length) * widthOf(of) }));
      } else if (tokens.accept("(")) {
        const { kind } = tokens.peek();
        if (kind === "name" && !this.#startsType(tokens)) {
          oldStyle = this.#oldNames(tokens);
          const { types } = oldStyle;
          makers.push((result) => ({ kind: "function", result, parameters: types }));
        } else {
          const parameters = this.#parameters(tokens);
          makers.push((result) => ({ kind: "function", result, parameters }));
        }
      } else {
        return { apply: (type) => makers.reduceRight((made, make) => make(made), type), oldStyle };
      }
    }
  }

  #parameters(tokens: TokenReader): SignType[] {
    const parameters: SignType[] = [];
    if (tokens.accept(")")) return parameters;
    do {
      if (tokens.accept("...")) {
        parameters.push(DOT);
        break;
      }
      const { type } = this.#specifiers(tokens);
      parameters.push(decayed(this.#declarator(tokens).apply(type)));
    } while (tokens.accept(","));
    tokens.expect(")");
    return parameters;
  }

  #oldNames(tokens: TokenReader): OldParameters {
    const names: string[] = [];
    do {
      const { kind, text } = tokens.take();
      if (kind !== "name") throw tokens.unexpected("a parameter's name");
      names.push(text);
    } while (tokens.accept(","));
    tokens.expect(")");
    return { names, types: [] };
  }

  /** Declarations between an old-style definition's brackets and its body. */
  #oldStyle(tokens: TokenReader, { names, types }: OldParameters): void {
    const declared = new Map<string, SignType>();
    while (tokens.peek().text !== "{") {
      const { type } = this.#specifiers(tokens);
      do {
        const { name, apply } = this.#declarator(tokens);
        if (name === undefined || !names.includes(name)) throw tokens.unexpected("a parameter's type");
        declared.set(name, promoted(decayed(apply(type))));
      } while (tokens.accept(","));
      tokens.expect(";");
    }
    types.push({ kind: "old" }, ...names.map((name) => declared.get(name) ?? INT));
  }

  #typeName(tokens: TokenReader): SignType {
    const { type } = this.#specifiers(tokens);
    const { name, apply } = this.#declarator(tokens);
    if (name !== undefined) throw tokens.unexpected("a type without a name");
    return apply(type);
  }

  #scope(tokens: TokenReader): ConstantScope {
    return {
      constant: (name) => this.#constants.get(name),
      sizeOfType: () => (this.#startsType(tokens) ? BigInt(widthOf(this.#typeName(tokens))) : undefined),
    };
  }

  #nested<T>(tokens: TokenReader, read: () => T): T {
    if (this.#depth >= MAX_DEPTH) throw tokens.unexpected("a type of fewer brackets");
    this.#depth++;
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }
}

/** Combinations of type words, in any order. */
function basicKind(words: readonly string[]): BasicKind | undefined {
  const count = (word: string) => words.filter((one) => one === word).length;
  const unsigned = count("unsigned") > 0;
  const longs = count("long");
  const rest = words.filter((word) => !["signed", "unsigned", "long", "int"].includes(word));
  const [base] = rest;
  if (rest.length > 1 || longs > 2 || (unsigned && count("signed") > 0)) return undefined;
  if (base === undefined) {
    if (longs === 2) return unsigned ? "uvlong" : "vlong";
    if (longs === 1) return unsigned ? "ulong" : "long";
    return unsigned ? "uint" : "int";
  }
  if (base === "short" && longs === 0) return unsigned ? "ushort" : "short";
  if (count("int") > 0) return undefined;
  if (base === "char" && longs === 0) return unsigned ? "uchar" : "char";
  if (unsigned || count("signed") > 0) return undefined;
  if (base === "double" && longs <= 1) return "double";
  if (base === "float" && longs <= 1) return longs === 0 ? "float" : "double";
  return base === "void" && longs === 0 ? "void" : undefined;
}

const UNSIGNED = new Set<SignType["kind"]>(["uchar", "ushort", "uint", "ulong", "uvlong"]);

/** A bit-field is of the word that it lies in. */
function bitField(type: SignType): SignType {
  return { kind: UNSIGNED.has(type.kind) ? "ulong" : "long" };
}

/** What a parameter of that type is. */
function decayed(type: SignType): SignType {
  if (type.kind === "array") return { kind: "pointer", to: type.of };
  return type.kind === "function" ? { kind: "pointer", to: type } : type;
}

/** What callers pass where no prototype tells them the type. */
function promoted(type: SignType): SignType {
  switch (type.kind) {
    case "char":
    case "short":
      return INT;
    case "uchar":
    case "ushort":
      return { kind: "uint" };
    case "float":
      return { kind: "double" };
    default:
      return type;
  }
}
