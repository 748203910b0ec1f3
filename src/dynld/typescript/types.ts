/** C types as TypeScript has them, by the table in ctype/value-kind.ts. */

import { declaration } from "../ctype/declaration.ts";
import { isConst, valueKind } from "../ctype/value-kind.ts";
import {
  bare,
  type CEnum,
  type CFunction,
  type CMember,
  type CRecord,
  type CType,
  isRecord,
} from "../ctype.ts";
import type { CDefined } from "../signature/emit.ts";
import { TypeGroups } from "../signature/groups.ts";
import { comment, identifier, propertyName } from "./text.ts";

/** Structures without names within one another, and types that one is made of. */
const DEEPEST = 64;

/**
 * Whether a value comes out of native code or goes into it, for a call or to stay in memory: more is taken than is given,
 * and what stays must live longer than a string does.
 */
type Direction = "in" | "out" | "store";

/** `const char *`. */
const TEXTS: Readonly<Record<Direction, string>> = {
  in: "string | Uint8Array | Int8Array | bigint | null",
  out: "string | null",
  store: "Uint8Array | Int8Array | bigint | null",
};
/** A callback of Bindery's, or another object that is at an address. */
const ADDRESSED = "{ readonly address: bigint }";

/** A type that is declared by a name of its own. */
export interface NamedType {
  readonly name: string;
  readonly type: CDefined;
}

/** Gives types their TypeScript, and names to those that need one. */
export class TypeScriptTypes {
  readonly #groups = new TypeGroups();
  /** Names by what the type is, whatever unit it is from. */
  readonly #names = new Map<string, string>();
  readonly #taken: Set<string>;
  readonly #waiting: NamedType[] = [];
  #depth = 0;

  /** @param reserved names that no type must have */
  constructor(reserved: Iterable<string>) {
    this.#taken = new Set(reserved);
  }

  /** Types that were named and not given out before, one at a time: to declare one may name more. */
  *named(): IterableIterator<NamedType> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
  }

  /** The type of a value. */
  of(type: CType, direction: Direction): string {
    if (++this.#depth > DEEPEST) {
      this.#depth--;
      return "unknown";
    }
    const text = this.#of(type, direction);
    this.#depth--;
    return text;
  }

  #of(type: CType, direction: Direction): string {
    const value = valueKind(type);
    switch (value.kind) {
      case "void":
      case "boolean":
      case "bigint":
        return value.kind;
      case "number":
        return direction !== "out" && isCharacter(type) ? "number | string" : "number";
      case "enum":
        return this.#enumeration(value.type, type, direction);
      case "string":
        return TEXTS[direction];
      case "view": {
        const name = this.#name(value.type, type) ?? this.members(value.type);
        // Of an object that is no view a structure is made, for the time of the call: it could not be written to.
        const given = direction === "in" && isConst(targetOf(type)) ? `Partial<${name}>` : name;
        return `${given}${direction === "out" ? "" : " | bigint"}${value.isReference ? "" : " | null"}`;
      }
      case "function": {
        const called = `(${this.call(value.type, direction === "out" ? "in" : "out")})`;
        return direction === "out" ? `${called} | null` : `${called} | ${ADDRESSED} | bigint | null`;
      }
      case "address":
        return this.#address(value.target, direction) + (value.isReference ? "" : " | null");
      case "record": {
        const name = this.#name(value.type, type) ?? this.members(value.type);
        return direction === "out" ? name : `Partial<${name}>`;
      }
      case "array":
        return this.#array(value.element, value.count, direction);
      case "refused":
        return "never";
    }
  }

  /** The type of a function. @param direction of its parameters, from where it is called */
  call(type: CFunction, direction: Direction): string {
    const result = this.of(type.result, direction === "in" ? "out" : "store");
    return `(${this.parameters(type, direction)}) => ${result}`;
  }

  /** Parameters between the parentheses. */
  parameters(type: CFunction, direction: Direction): string {
    const used = new Set<string>();
    const list = type.parameters.map(({ name, type: of }, index) => {
      let own = identifier(name ?? `arg${index + 1}`);
      if (used.has(own)) own = `arg${index + 1}`;
      used.add(own);
      return `${own}: ${this.of(of, direction)}`;
    });
    return list.join(", ");
  }

  /** Why a function can't be called; `undefined` when it can. */
  refusal({ parameters, result }: CFunction): string | undefined {
    for (const [index, { type, name }] of parameters.entries()) {
      const value = valueKind(type);
      if (value.kind === "refused") return `parameter ${name ?? index + 1}: ${value.why}`;
    }
    const value = valueKind(result);
    return value.kind === "refused" ? `result: ${value.why}` : undefined;
  }

  /** `{ x: number; y: number }` of a structure: what follows a name, or stands without one. */
  members(type: CRecord, indent = ""): string {
    const lines = this.#memberLines(type, `${indent}  `, new Set(), 0);
    return lines.length === 0 ? "Record<never, never>" : `{\n${lines.join("\n")}\n${indent}}`;
  }

  /** `"RED" | "GREEN"`. */
  enumeration({ enumerators }: { readonly enumerators: readonly { readonly name: string }[] }): string {
    return enumerators.length === 0
      ? "never"
      : enumerators.map(({ name }) => JSON.stringify(name)).join(" | ");
  }

  #memberLines(type: CRecord, indent: string, used: Set<string>, depth: number): string[] {
    const lines: string[] = [];
    const inner: CRecord[] = [];
    for (const member of type.members) {
      const { name, role } = member;
      const found = bare(member.type);
      if (name === undefined) {
        if (isRecord(found)) inner.push(found);
        continue;
      }
      if (role === "vtable" || role === "variant" || used.has(name)) continue;
      used.add(name);
      lines.push(`${indent}${comment([memberText(member)])}`, ...this.property(name, member.type, indent));
    }
    // Members of what has no name, and of base classes, count as those of the structure, behind its own.
    for (const one of depth < DEEPEST ? inner : []) {
      lines.push(...this.#memberLines(one, indent, used, depth + 1));
    }
    return lines;
  }

  /** A property for something in memory: what is written may be of more types than what is read. */
  property(name: string, type: CType, indent: string): string[] {
    const key = propertyName(name);
    const found = bare(type);
    const isNameless = isRecord(found) && found.isComplete && this.#name(found, type) === undefined;
    const read = isNameless ? this.members(found, indent) : this.of(type, "out");
    if (isFixed(type)) return [`${indent}readonly ${key}: ${read};`];
    const written = isNameless ? read : this.of(type, "store");
    if (written === read || read === "never") return [`${indent}${key}: ${read};`];
    return [`${indent}get ${key}(): ${read};`, `${indent}set ${key}(value: ${written});`];
  }

  /** The number of a constant comes out; in go names and numbers. */
  #enumeration(type: CEnum, from: CType, direction: Direction): string {
    const name = this.#name(type, from) ?? this.enumeration(type);
    const number = type.size === 8 ? "bigint" : "number";
    return direction === "out" ? number : `${name} | ${number}`;
  }

  #address(target: CType, direction: Direction): string {
    let to = bare(target);
    for (let step = 0; to.kind === "array" && step < DEEPEST; step++) to = bare(to.element);
    if (isRecord(to) && !to.isComplete) return this.#name(to, target) ?? "bigint";
    if (direction === "out") return "bigint";
    if (to.kind === "void") return "object | bigint";
    const memory = typedArray(to);
    return memory === undefined ? "bigint" : `${memory} | bigint`;
  }

  #array(element: CType, count: number | undefined, direction: Direction): string {
    if (count === undefined) return "never";
    const numbers = typedArray(element, false);
    const each = this.of(element, direction);
    const isWord = /^\w+$/.test(each);
    if (direction === "out") return numbers ?? (isWord ? `${each}[]` : `(${each})[]`);
    const given = numbers === undefined ? `ArrayLike<${each}>` : `${numbers} | ArrayLike<${each}>`;
    return bare(element).size === 1 && numbers !== undefined ? `${given} | string` : given;
  }

  /** The name of a type, which is declared then; `undefined` of one that has no tag and no typedef. */
  #name(type: CDefined, from: CType): string | undefined {
    const wanted = type.tag ?? typedefName(from);
    if (wanted === undefined) return undefined;
    const key = type.isComplete ? this.#groups.finish([type]).text : `${type.kind} ${wanted}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const base = identifier(wanted);
    let name = base;
    for (let i = 2; this.#taken.has(name); i++) name = `${base}_${i}`;
    this.#taken.add(name);
    this.#names.set(key, name);
    this.#waiting.push({ name, type });
    return name;
  }
}

/** The typedef that a type goes by, qualifiers and pointers aside. */
function typedefName(type: CType): string | undefined {
  let at = type;
  let name: string | undefined;
  for (let step = 0; step < DEEPEST; step++) {
    if (at.kind === "typedef") {
      if (at.name !== "") name = at.name;
      at = at.type;
    } else if (at.kind === "qualified") at = at.type;
    else if (at.kind === "pointer") {
      name = undefined;
      at = at.target;
    } else break;
  }
  return name;
}

/** The typed array that shows numbers as they lie; of pointers, if wanted, that of addresses. */
function typedArray(type: CType, hasAddresses = true): string | undefined {
  const value = valueKind(type);
  switch (value.kind) {
    case "boolean":
      return value.size === 1 ? "Uint8Array" : undefined;
    case "number":
      if (value.encoding === "float") return `Float${8 * value.size}Array`;
      return `${value.encoding === "signed" ? "Int" : "Uint"}${8 * value.size}Array`;
    case "bigint":
      return value.encoding === "signed" ? "BigInt64Array" : "BigUint64Array";
    case "enum":
      if (!hasAddresses) return undefined;
      return value.size === 8
        ? "BigInt64Array"
        : `${value.type.isSigned ? "Int" : "Uint"}${8 * value.size}Array`;
    case "string":
    case "view":
    case "function":
    case "address":
      return hasAddresses ? "BigUint64Array" : undefined;
    default:
      return undefined;
  }
}

/** Whether something can't be assigned: what is const, and arrays of such. */
function isFixed(type: CType): boolean {
  if (isConst(type)) return true;
  const found = bare(type);
  return found.kind === "array" && isFixed(found.element);
}

/** Whether a number is the code of a character, for which the character may be given. */
function isCharacter(type: CType): boolean {
  const found = bare(type);
  return found.kind === "base" && (found.name === "char" || found.encoding === "character");
}

/** What a pointer points to. */
function targetOf(type: CType): CType {
  const found = bare(type);
  return found.kind === "pointer" ? found.target : found;
}

/** A member in C, and where it is. */
function memberText({ name = "", type, bitOffset, bitSize }: CMember): string {
  const text = declaration(type, name);
  if (bitOffset === undefined) return text;
  return bitSize === undefined ? `${text}; at ${bitOffset / 8}` : `${text} : ${bitSize}; at bit ${bitOffset}`;
}
