/** TypeScript declarations of what a module or library exports, for typed calls. */
import { basename } from "node:path";
import { entryAt } from "../../dwarf/die.ts";
import { declarationPlace } from "../../dwarf/entry-facts.ts";
import { symbolDeclaration } from "../ctype/declaration.ts";
import { valueKind } from "../ctype/value-kind.ts";
import { bare, type CSymbol, type CTypeEntry, isRecord } from "../ctype.ts";
import { comment, propertyName } from "./text.ts";
import { type NamedType, TypeScriptTypes } from "./types.ts";

/** Names of the declarations themselves, and of what they use. */
const RESERVED = [
  "Functions",
  "Data",
  "Exports",
  "OpenFunction",
  "Record",
  "Partial",
  "ArrayLike",
  ...[
    "Int8",
    "Uint8",
    "Int16",
    "Uint16",
    "Int32",
    "Uint32",
    "Float32",
    "Float64",
    "BigInt64",
    "BigUint64",
  ].map((one) => `${one}Array`),
];

const OPEN_FUNCTION = `/**
 * A function of which not all parameters are declared: \`with\` gives one with more, by their types' names in C, \`as\` one by a
 * whole prototype.
 */
export interface OpenFunction {
  readonly address: bigint;
  with(...types: string[]): (...args: unknown[]) => unknown;
  as(prototype: string): (...args: unknown[]) => unknown;
}`;

/** A symbol that was left out, and why. */
export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

/** Declarations, and what they lack. */
export interface TypeScriptDeclarations {
  /** The text of a `.d.ts` file. */
  readonly text: string;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Declares the exports of a file: `Functions` and `Data`, both in `Exports`; structures and unions as interfaces,
 * enumerations as the names of their constants. What can't be called has the type `never`, and says why; what
 * takes arguments that are not declared is an `OpenFunction`.
 * @param title of the comment at the top
 * @throws DynldError DYNLD_BAD_TYPE, DwarfError
 */
export function typeScriptDeclarations(title: string, symbols: Iterable<CSymbol>): TypeScriptDeclarations {
  const types = new TypeScriptTypes(RESERVED);
  const functions: string[] = [];
  const data: string[] = [];
  const leftOut: LeftOut[] = [];
  let hasOpen = false;
  for (const symbol of symbols) {
    const type = bare(symbol.type);
    const name = propertyName(symbol.name);
    const head = [`\`${symbolDeclaration(symbol)}\``, ...placeOf(symbol.entry)];
    if (type.kind === "function") {
      const why = types.refusal(type);
      if (why !== undefined) leftOut.push({ name: symbol.name, why });
      const isOpen = type.isVariadic || !type.isPrototyped;
      hasOpen ||= isOpen && why === undefined;
      const shape = isOpen
        ? `  readonly ${name}: OpenFunction;`
        : `  ${name}(${types.parameters(type, "in")}): ${types.of(type.result, "out")};`;
      functions.push(
        comment(why === undefined ? head : [...head, why], "  "),
        why === undefined ? shape : `  readonly ${name}: never;`,
      );
      continue;
    }
    const value = valueKind(symbol.type);
    if (value.kind === "refused") leftOut.push({ name: symbol.name, why: value.why });
    data.push(comment(head, "  "), ...types.property(symbol.name, symbol.type, "  "));
  }
  const blocks = [
    comment([`Exports of ${basename(title)}, made by \`bindery dts\`.`]),
    interfaceOf("Functions", "Functions that can be called.", functions),
    interfaceOf("Data", "Variables, read and written where they are.", data),
    "/** All of them. */\nexport interface Exports {\n  readonly fn: Functions;\n  readonly data: Data;\n}",
  ];
  if (hasOpen) blocks.push(OPEN_FUNCTION);
  for (const named of types.named()) blocks.push(declare(named, types));
  return { text: `${blocks.join("\n\n")}\n`, leftOut };
}

function interfaceOf(name: string, what: string, lines: readonly string[]): string {
  const body = lines.length === 0 ? "{}" : `{\n${lines.join("\n")}\n}`;
  return `${comment([what])}\nexport interface ${name} ${body}`;
}

function declare({ name, type }: NamedType, types: TypeScriptTypes): string {
  const word = isRecord(type) ? type.keyword : "enum";
  const size = type.size === undefined ? "incomplete" : `${type.size} bytes`;
  const text = type.tag === undefined ? `typedef ${word} {...} ${name}` : `${word} ${type.tag}`;
  const head = [`\`${text}\`, ${size}`, ...placeOf(type.entry)];
  if (!isRecord(type)) {
    const values = type.enumerators.map((one) => `${one.name} = ${one.value}`).join(", ");
    return `${comment([...head, values])}\nexport type ${name} = ${types.enumeration(type)};`;
  }
  if (!type.isComplete) return `${comment(head)}\nexport type ${name} = bigint;`;
  const members = types.members(type);
  // An interface may be made of itself, as structures are.
  return members.startsWith("{")
    ? `${comment(head)}\nexport interface ${name} ${members}`
    : `${comment(head)}\nexport type ${name} = ${members};`;
}

/** Where something is declared, as a line of a comment; none where that is not told. */
function placeOf(entry: CTypeEntry | undefined): string[] {
  const place = entry && declarationPlace(entryAt(entry.unit, entry.offset));
  return place === undefined || place.line === 0 ? [] : [`${place.file ?? "?"}:${place.line}`];
}
