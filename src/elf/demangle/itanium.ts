/** Names mangled as the Itanium C++ ABI says, section 5.1: what GCC and Clang emit on Linux. */
import { expression, literal } from "./expression.ts";
import {
  hasReturnType,
  name,
  operatorName,
  prefix,
  sourceName,
  substitution,
  templateArg,
  templateArgs,
  templateParam,
  unqualifiedName,
} from "./name.ts";
import { branch, leaf, type Node } from "./node.ts";
import { type Grammar, NOT_MANGLED, Parser } from "./parser.ts";
import { print } from "./print.ts";
import { SPECIAL_NAMES } from "./table.ts";
import { bareFunctionType, parameters, qualifiers, type } from "./type.ts";

const GRAMMAR: Grammar = {
  encoding,
  name,
  prefix,
  unqualifiedName,
  operatorName,
  sourceName,
  substitution,
  templateArgs,
  templateParam,
  type,
  parameters,
  bareFunctionType,
  qualifiers,
  expression,
  literal,
};

/**
 * Demangles `_Z…`, with the suffixes GCC gives to clones (`.part.0`, `.constprop.1`).
 *
 * @throws {Error} of this folder only, when the name is not what it seems to be
 */
export function demangleItanium(mangled: string): string {
  const p = new Parser(mangled, GRAMMAR);
  p.expect("_Z");
  let root = encoding(p, true);
  while (p.peek() === ".") {
    const [suffix] = /^\.[a-zA-Z_]+(\.[0-9]+)*|^(\.[0-9]+)+/.exec(mangled.slice(p.at)) ?? [];
    if (suffix === undefined) {
      throw NOT_MANGLED;
    }
    p.at += suffix.length;
    root = branch("clone", root, leaf("name", suffix));
  }
  if (p.at !== mangled.length) {
    throw NOT_MANGLED;
  }
  return print(root);
}

/** `<encoding>`: a function with its type, a variable, or a special name. */
function encoding(p: Parser, top: boolean): Node {
  return p.nested(() => {
    const first = p.peek();
    if (first === "T" || first === "G") {
      return specialName(p);
    }
    const named = name(p);
    const after = p.peek();
    if (after === "" || after === "E" || after === ".") {
      return named;
    }
    const functionType = bareFunctionType(p, hasReturnType(named));
    if (!top && named.kind === "local-name") {
      functionType.left = undefined;
    }
    return branch("typed-name", named, functionType);
  });
}

/** `<special-name>`: tables, guards and thunks that the compiler makes. */
function specialName(p: Parser): Node {
  const code = p.peekTwo();
  p.at += 2;
  const simple = SPECIAL_NAMES[code];
  if (simple !== undefined) {
    const about = simple.of === "type" ? type(p) : simple.of === "name" ? name(p) : encoding(p, false);
    return leaf("special", simple.prefix, about);
  }
  switch (code) {
    case "Th":
    case "Tv":
      callOffset(p, code.charAt(1));
      return leaf(
        "special",
        code === "Th" ? "non-virtual thunk to " : "virtual thunk to ",
        encoding(p, false),
      );
    case "Tc":
      callOffset(p, p.next());
      callOffset(p, p.next());
      return leaf("special", "covariant return thunk to ", encoding(p, false));
    case "TC": {
      const derived = type(p);
      p.number();
      p.expect("_");
      return branch("construction-vtable", type(p), derived);
    }
    case "TA":
      return leaf("special", "template parameter object for ", templateArg(p));
    case "GR": {
      const referent = name(p);
      return branch("reference-temporary", referent, leaf("number", "", undefined, temporaryNumber(p)));
    }
    case "GT": {
      const prefix = p.next() === "n" ? "non-transaction clone for " : "transaction clone for ";
      return leaf("special", prefix, encoding(p, false));
    }
    default:
      throw NOT_MANGLED;
  }
}

/** `GR <name> <seq-id> _`, or nothing in objects of older compilers. */
function temporaryNumber(p: Parser): number {
  const value = p.number() ?? 0;
  p.accept("_");
  return value;
}

/** `h <number> _` or `v <number> _ <number> _`: how `this` is adjusted; not printed. */
function callOffset(p: Parser, kind: string): void {
  p.number();
  p.expect("_");
  if (kind === "v") {
    p.number();
    p.expect("_");
  } else if (kind !== "h") {
    throw NOT_MANGLED;
  }
}
