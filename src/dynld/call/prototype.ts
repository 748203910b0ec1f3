/** C prototypes that a program writes to call a function by: `int report(char *, unsigned long, const char *, double)`. */
import { DynldError } from "../../errors.ts";
import { declaration } from "../ctype/declaration.ts";
import {
  bare,
  type CArray,
  type CFunction,
  type CParameter,
  type CPointer,
  type CQualified,
  type CQualifier,
  type CType,
} from "../ctype.ts";
import { TokenReader } from "../inferno/c/tokens.ts";
import { passedParameters } from "./promotion.ts";

/** A prototype that was read. */
export interface Prototype {
  /** `undefined` of one without: `int (const char *, int)`. */
  readonly name: string | undefined;
  readonly type: CFunction;
}

/** What a declarator makes of a type, and the name in it. */
interface Declarator {
  readonly name: string | undefined;
  readonly apply: (type: CType) => CType;
}

/** What is between the parentheses of a function. */
type ParameterList = Pick<CFunction, "parameters" | "isVariadic" | "isPrototyped">;

const ADDRESS_SIZE = 8;
/** Declarators in one another. */
const DEEPEST = 32;
const QUALIFIERS: ReadonlySet<string> = new Set(["const", "volatile", "restrict"]);
const TAGGED: ReadonlySet<string> = new Set(["struct", "union", "enum", "class"]);
const NUMBER_WORDS: ReadonlySet<string> = new Set([
  ...["void", "bool", "_Bool", "char", "short", "int", "long", "float", "double", "signed", "unsigned"],
]);

/** What prototypes may be. */
export interface PrototypeRules {
  /** Whether it declares what it is not called by: `...` may follow then, and `()` tells nothing, as in C. False by default. */
  readonly isDeclaration?: boolean;
}

/**
 * Reads a prototype. All parameters are told: `...` is of no use to a call.
 * @param typeNamed what a name stands for: `struct point`, `unsigned long`, `size_t`
 * @throws DynldError DYNLD_BAD_ARGUMENT for what is none; what `typeNamed` throws
 */
export function parsePrototype(
  text: string,
  typeNamed: (name: string) => CType,
  rules: PrototypeRules = {},
): Prototype {
  try {
    return new PrototypeReader(text, typeNamed, rules).read();
  } catch (error) {
    if (!(error instanceof DynldError) || error.code !== "DYNLD_BAD_TYPE") throw error;
    const why = error.message.replace(/^line \d+: /, "");
    throw new DynldError("DYNLD_BAD_ARGUMENT", {}, `prototype ${JSON.stringify(text)}: ${why}`, {
      cause: error,
    });
  }
}

class PrototypeReader {
  readonly #tokens: TokenReader;
  readonly #typeNamed: (name: string) => CType;
  readonly #rules: PrototypeRules;
  #depth = 0;

  constructor(text: string, typeNamed: (name: string) => CType, rules: PrototypeRules) {
    this.#tokens = new TokenReader(text);
    this.#typeNamed = typeNamed;
    this.#rules = rules;
  }

  read(): Prototype {
    const base = this.#specifiers();
    const { name, apply } = this.#declarator();
    const type = apply(base);
    this.#tokens.accept(";");
    if (this.#tokens.peek().kind !== "end") throw this.#tokens.unexpected("the end");
    if (type.kind !== "function") throw this.#tokens.unexpected("the parameters of a function");
    return { name, type };
  }

  /** What stands before the stars and names: `const struct point`, `unsigned long`. */
  #specifiers(): CType {
    const words: string[] = [];
    const qualifiers = new Set<CQualifier>();
    for (;;) {
      const { kind, text } = this.#tokens.peek();
      if (kind !== "name") break;
      if (QUALIFIERS.has(text)) qualifiers.add(text as CQualifier);
      else if (words.length === 0 && TAGGED.has(text)) {
        this.#tokens.take();
        if (this.#tokens.peek().kind !== "name") throw this.#tokens.unexpected("a tag");
        words.push(text, this.#tokens.peek().text);
      } else if (
        words.length === 0 ||
        (NUMBER_WORDS.has(text) && words.every((word) => NUMBER_WORDS.has(word)))
      ) {
        words.push(text);
      } else break;
      this.#tokens.take();
    }
    if (words.length === 0) throw this.#tokens.unexpected("a type");
    let type = this.#typeNamed(words.join(" "));
    for (const qualifier of qualifiers) type = qualified(qualifier, type);
    return type;
  }

  #declarator(): Declarator {
    if (++this.#depth > DEEPEST)
      throw this.#tokens.unexpected(`at most ${DEEPEST} declarators in one another`);
    const pointers: ((type: CType) => CType)[] = [];
    while (this.#tokens.accept("*")) {
      pointers.push(pointerTo);
      for (let word = this.#tokens.peek().text; QUALIFIERS.has(word); word = this.#tokens.peek().text) {
        const qualifier = word as CQualifier;
        pointers.push((type) => qualified(qualifier, type));
        this.#tokens.take();
      }
    }
    const inner = this.#inner();
    const suffixes: ((type: CType) => CType)[] = [];
    for (;;) {
      if (this.#tokens.accept("(")) {
        const list = this.#parameters();
        suffixes.push((result) => ({ kind: "function", size: undefined, result, ...list }));
      } else if (this.#tokens.accept("[")) {
        const count = this.#count();
        suffixes.push((element) => arrayOf(element, count));
      } else break;
    }
    this.#depth--;
    return {
      name: inner.name,
      // The innermost binds first: pointers, then what is behind the name, from its end.
      apply: (type) => inner.apply([...pointers, ...suffixes.reverse()].reduce((of, make) => make(of), type)),
    };
  }

  /** A name, a declarator in parentheses, or nothing. */
  #inner(): Declarator {
    const { kind, text } = this.#tokens.peek();
    if (kind === "name") {
      this.#tokens.take();
      return { name: text, apply: (type) => type };
    }
    if (text === "(" && this.#tokens.peek(1).text === "*") {
      this.#tokens.take();
      const inner = this.#declarator();
      this.#tokens.expect(")");
      return inner;
    }
    return { name: undefined, apply: (type) => type };
  }

  #parameters(): ParameterList {
    const { isDeclaration = false } = this.#rules;
    if (this.#tokens.accept(")")) return { parameters: [], isVariadic: false, isPrototyped: !isDeclaration };
    const parameters: CParameter[] = [];
    let isVariadic = false;
    do {
      if (this.#tokens.peek().text === "...") {
        if (!isDeclaration) throw this.#tokens.unexpected("the types of all arguments");
        this.#tokens.take();
        isVariadic = true;
        break;
      }
      const base = this.#specifiers();
      const { name, apply } = this.#declarator();
      parameters.push({ name, type: asParameter(apply(base)) });
    } while (this.#tokens.accept(","));
    this.#tokens.expect(")");
    const [only] = parameters;
    const isNone = parameters.length === 1 && only?.name === undefined && only?.type.kind === "void";
    return { parameters: isNone ? [] : parameters, isVariadic, isPrototyped: true };
  }

  #count(): number | undefined {
    if (this.#tokens.accept("]")) return undefined;
    const { kind, text } = this.#tokens.peek();
    const count = Number(text);
    if (kind !== "number" || !Number.isSafeInteger(count))
      throw this.#tokens.unexpected("a number of elements");
    this.#tokens.take();
    this.#tokens.expect("]");
    return count;
  }
}

function qualified(qualifier: CQualifier, type: CType): CQualified {
  return { kind: "qualified", qualifier, type, size: type.size };
}

function pointerTo(target: CType): CPointer {
  return { kind: "pointer", form: "*", size: ADDRESS_SIZE, target };
}

function arrayOf(element: CType, count: number | undefined): CArray {
  const size = count === undefined || element.size === undefined ? undefined : count * element.size;
  return { kind: "array", element, count, size };
}

/** Arrays and functions are passed as pointers. [C17 6.7.6.3] */
function asParameter(type: CType): CType {
  if (type.kind === "array") return pointerTo(type.element);
  return type.kind === "function" ? pointerTo(type) : type;
}

/**
 * Whether a function that is declared so can be called by a prototype: as many parameters, each of a size and in a kind of
 * register that it is expected in. Names, signs and what pointers lead to do not matter.
 * @returns what does not fit; `undefined` if all does
 */
export function misfit(declared: CFunction, prototype: CFunction): string | undefined {
  const [has, wants] = [prototype.parameters, passedParameters(declared)];
  const isOpen = declared.isVariadic || (!declared.isPrototyped && wants.length === 0);
  if (isOpen ? has.length < wants.length : has.length !== wants.length) {
    return `found ${has.length} parameters, expected ${wants.length}${isOpen ? " or more" : ""}`;
  }
  for (const [index, { type }] of wants.entries()) {
    const given = has[index]?.type;
    if (given !== undefined && wayOf(given) !== wayOf(type)) {
      return `parameter ${index + 1}: found ${declaration(given)}, expected ${declaration(type)}`;
    }
  }
  const result = wayOf(prototype.result);
  if (result === "nothing" || result === wayOf(declared.result)) return undefined;
  return `result: found ${declaration(prototype.result)}, expected ${declaration(declared.result)}`;
}

/** How a value travels. */
function wayOf(type: CType): string {
  const found = bare(type);
  switch (found.kind) {
    case "void":
      return "nothing";
    case "base": {
      const isWhole = ["bool", "signed", "unsigned", "character"].includes(found.encoding);
      return isWhole ? `integer of ${found.size}` : `${found.encoding} of ${found.size}`;
    }
    case "enum":
    case "pointer":
      return `integer of ${found.size ?? 0}`;
    default:
      return `${found.kind} of ${found.size ?? 0}`;
  }
}
