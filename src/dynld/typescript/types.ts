/** C types as TypeScript has them, by the table in ctype/value-kind.ts. */

import { declaration } from "../ctype/declaration.ts";
import { valueKind } from "../ctype/value-kind.ts";
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

/** Whether a value goes into native code or comes out of it: more is taken than is given. */
type Direction = "in" | "out";

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
    const isIn = direction === "in";
    switch (value.kind) {
      case "void":
        return "void";
      case "boolean":
      case "number":
      case "bigint":
        return value.kind;
      case "enum":
        return this.#enumeration(value.type, type, isIn);
      case "string":
        return isIn ? "string | Uint8Array | Int8Array | bigint | null" : "string | null";
      case "view": {
        const name = this.#name(value.type, type) ?? this.members(value.type);
        return (isIn ? `${name} | bigint` : name) + (value.isReference ? "" : " | null");
      }
      case "function": {
        const called = `(${this.call(value.type, isIn ? "out" : "in")})`;
        return isIn ? `${called} | bigint | null` : `${called} | null`;
      }
      case "address":
        return this.#address(value.target, isIn) + (value.isReference ? "" : " | null");
      case "record":
        return this.#name(value.type, type) ?? this.members(value.type);
      case "array":
        return this.#array(value.element, value.count);
      case "refused":
        return "never";
    }
  }

  /** The type of a function. @param direction of its parameters, from where it is called */
  call(type: CFunction, direction: Direction): string {
    const result = this.of(type.result, direction === "in" ? "out" : "in");
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

  /** Why a function can't be called as it is; `undefined` when it can. */
  refusal({ parameters, result, isVariadic, isPrototyped }: CFunction): string | undefined {
    if (isVariadic) return "takes more arguments than are declared: call it by a prototype";
    if (!isPrototyped && parameters.length === 0) return "has no prototype: call it by one";
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
    for (const member of type.members) {
      const inner = bare(member.type);
      if (member.name === undefined) {
        // Members of what has no name, and of base classes, count as those of the structure.
        if (isRecord(inner) && depth < DEEPEST)
          lines.push(...this.#memberLines(inner, indent, used, depth + 1));
        continue;
      }
      if (member.role === "vtable" || used.has(member.name)) continue;
      used.add(member.name);
      lines.push(
        `${indent}${comment([memberText(member)])}`,
        `${indent}${propertyName(member.name)}: ${this.#field(member, indent)};`,
      );
    }
    return lines;
  }

  #field({ type }: CMember, indent: string): string {
    const found = bare(type);
    if (isRecord(found) && found.isComplete && this.#name(found, type) === undefined)
      return this.members(found, indent);
    return this.of(type, "out");
  }

  /** The number of a constant comes out; in go names and numbers. */
  #enumeration(type: CEnum, from: CType, isIn: boolean): string {
    const name = this.#name(type, from) ?? this.enumeration(type);
    const number = type.size === 8 ? "bigint" : "number";
    return isIn ? `${name} | ${number}` : number;
  }

  #address(target: CType, isIn: boolean): string {
    const to = bare(target);
    if (isRecord(to)) return this.#name(to, target) ?? "bigint";
    if (!isIn) return "bigint";
    const element = valueKind(to);
    const memory =
      element.kind === "void" || element.kind === "refused"
        ? "ArrayBufferView"
        : (typedArray(to) ?? "bigint");
    return memory === "bigint" ? memory : `${memory} | bigint`;
  }

  #array(element: CType, count: number | undefined): string {
    if (count === undefined) return "never";
    const numbers = typedArray(element, false);
    if (numbers !== undefined) return numbers;
    const each = this.of(element, "out");
    return `readonly ${/^\w+$/.test(each) ? each : `(${each})`}[]`;
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

/** A member in C, and where it is. */
function memberText({ name = "", type, bitOffset, bitSize }: CMember): string {
  const text = declaration(type, name);
  if (bitOffset === undefined) return text;
  return bitSize === undefined ? `${text}; at ${bitOffset / 8}` : `${text} : ${bitSize}; at bit ${bitOffset}`;
}
