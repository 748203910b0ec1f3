/** C types as C spells them. */
import { DynldError } from "../../errors.ts";
import type { CFunction, CQualifier, CSymbol, CType } from "../ctype.ts";

/** Types within one another in one declaration. */
const DEEPEST = 200;
/** Characters of one declaration. */
const LONGEST = 1 << 16;

/** How a declaration is written. */
export interface DeclarationOptions {
  /** Shows what typedefs are for instead of their names; a structure without a tag keeps the name of its typedef. */
  readonly resolved?: boolean;
  /** Gives parameters their names. */
  readonly named?: boolean;
}

/**
 * A declaration of `name`, or of a type alone without one: `int (*name)(struct Dev *, void *, long)`.
 * @throws DynldError DYNLD_BAD_TYPE when it has no end
 */
export function declaration(type: CType, name = "", options: DeclarationOptions = {}): string {
  return new Declarations(options).of(type, name, [], 0);
}

/** The declaration of a symbol as a header has it, without its semicolon. @throws as {@link declaration} does */
export function symbolDeclaration({ type, name }: CSymbol, options: DeclarationOptions = {}): string {
  return declaration(type, name, { named: true, ...options });
}

class Declarations {
  readonly #options: DeclarationOptions;
  #length = 0;

  constructor(options: DeclarationOptions) {
    this.#options = options;
  }

  /** @param inner the declarator so far, which the type goes around */
  of(type: CType, inner: string, qualifiers: readonly CQualifier[], depth: number): string {
    this.#length += inner.length + 1;
    if (depth > DEEPEST || this.#length > LONGEST) {
      throw new DynldError(
        "DYNLD_BAD_TYPE",
        {},
        `found a type whose declaration has more than ${LONGEST} characters or no end`,
      );
    }
    switch (type.kind) {
      case "typedef":
        // A structure without a tag would have no name at all.
        return type.name === "" || (this.#options.resolved === true && !isNameless(type.type))
          ? this.of(type.type, inner, qualifiers, depth + 1)
          : joined(qualifiers, type.name, inner);
      case "qualified":
        return this.of(type.type, inner, [...qualifiers, type.qualifier], depth + 1);
      case "pointer": {
        const words = inOrder(qualifiers);
        const own = words === "" ? type.form : `${type.form}${words}${/^[\w(]/.test(inner) ? " " : ""}`;
        const spaced = /\w$/.test(own) && /^[*&]/.test(inner) ? `${own} ${inner}` : own + inner;
        return this.of(type.target, this.#bindsLoosely(type.target) ? `(${spaced})` : spaced, [], depth + 1);
      }
      case "array":
        return this.of(type.element, `${inner}[${type.count ?? ""}]`, qualifiers, depth + 1);
      case "vector": {
        const text = this.of(type.element, inner, qualifiers, depth + 1);
        return `__attribute__((vector_size(${type.size ?? "*"}))) ${text}`;
      }
      case "function":
        return this.#function(type, inner, depth);
      case "struct":
      case "union":
        return joined(qualifiers, `${type.keyword} ${type.tag ?? "{...}"}`, inner);
      case "enum":
        return joined(qualifiers, `enum ${type.tag ?? "{...}"}`, inner);
      case "void":
        return joined(qualifiers, "void", inner);
      default:
        return joined(qualifiers, type.name, inner);
    }
  }

  #function(type: CFunction, inner: string, depth: number): string {
    const named = this.#options.named === true && depth === 0;
    const parameters = type.parameters.map((one) =>
      this.of(one.type, named ? (one.name ?? "") : "", [], depth + 1),
    );
    if (type.isVariadic) parameters.push("...");
    else if (parameters.length === 0 && type.isPrototyped) parameters.push("void");
    return this.of(type.result, `${inner}(${parameters.join(", ")})`, [], depth + 1);
  }

  /** Whether a pointer to a type needs parentheses: arrays and functions bind tighter. */
  #bindsLoosely(type: CType): boolean {
    let at = type;
    for (let step = 0; step < DEEPEST; step++) {
      if (at.kind === "qualified") at = at.type;
      else if (at.kind === "typedef" && (at.name === "" || this.#options.resolved === true)) at = at.type;
      else break;
    }
    return at.kind === "array" || at.kind === "function";
  }
}

function isNameless(type: CType): boolean {
  return (type.kind === "struct" || type.kind === "union" || type.kind === "enum") && type.tag === undefined;
}

const ORDER: readonly CQualifier[] = ["const", "volatile", "restrict", "_Atomic"];

function inOrder(qualifiers: readonly CQualifier[]): string {
  return ORDER.filter((one) => qualifiers.includes(one)).join(" ");
}

function joined(qualifiers: readonly CQualifier[], type: string, inner: string): string {
  const start = qualifiers.length === 0 ? type : `${inOrder(qualifiers)} ${type}`;
  const spaced = start.length > 0 && inner !== "" ? " " : "";
  return start + spaced + inner;
}
