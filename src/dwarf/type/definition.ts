/** Definitions of structures, unions, enumerations and typedefs, with where their members are if that is wanted. */
import { DW_AT } from "../constants/attribute.ts";
import { DW_TAG } from "../constants/tag.ts";
import type { Die } from "../die.ts";
import { layoutAttributes, saidAlignment } from "./alignment.ts";
import { TypePrinter } from "./declaration.ts";
import { type MemberLayout, type TypeLayout, typeLayout } from "./layout.ts";
import { completed, isC, keyword } from "./name.ts";
import { number } from "./size.ts";

/** Structures without a name within one another. */
const DEEPEST = 32;
/** Column of the comments. */
const COMMENTS = 56;
const INDENT = "    ";
const PACKED = " __attribute__((packed))";
/** Bytes of an enumeration that is not told to be smaller. */
const INT = 4n;

/** How a definition is printed. */
export interface DefinitionOptions {
  /** Puts the offset and size of each member beside it, and what is not used between them, as pahole(1) does. */
  readonly layout?: boolean;
  /** Adds the attributes of GNU C without which a compiler would lay it out otherwise: `packed` and `aligned`. */
  readonly attributes?: boolean;
}

/**
 * The definition of a type: members of structures, unions and classes, one a line; enumerators; what a typedef is for.
 * Types without a name are defined where they are used. A type of another kind is just declared.
 * @throws DwarfError, DWARF_LOOP also when there is no end to it
 */
export function typeDefinition(type: Die, options: DefinitionOptions = {}): string {
  const die = completed(type);
  const printer = new DefinitionPrinter(options);
  if (die.tag === DW_TAG.DW_TAG_typedef) {
    const meant = die.attribute(DW_AT.DW_AT_type)?.reference;
    const bytes = options.attributes === true ? saidAlignment(die) : undefined;
    return `typedef ${printer.declared(meant, die.name ?? "", 0)}${aligned(bytes)};`;
  }
  return keyword(die) === undefined ? `${printer.types.declare(die)};` : `${printer.body(die, 0)};`;
}

class DefinitionPrinter {
  readonly types = new TypePrinter();
  readonly #layout: boolean;
  readonly #attributes: boolean;

  constructor({ layout = false, attributes = false }: DefinitionOptions) {
    this.#layout = layout;
    this.#attributes = attributes;
  }

  /** `struct node { … }`, without its end. */
  body(die: Die, depth: number): string {
    const word = keyword(die) ?? "";
    const { name } = die;
    // Its own name needs no owners: a definition stands inside of them.
    const head = name === undefined ? word : `${word} ${name}`;
    if (die.attribute(DW_AT.DW_AT_declaration)?.flag === true) return head;
    const isEnumeration = die.tag === DW_TAG.DW_TAG_enumeration_type;
    const made = this.#attributes && isC(die) ? die : undefined;
    const lines = isEnumeration ? this.#enumerators(die) : this.#members(die, depth);
    const indent = INDENT.repeat(depth);
    return [
      `${head}${this.#bases(die)} {`,
      ...lines.map((line) => (line === "" ? "" : INDENT + line)),
      `}${wholeAttributes(made)}`,
    ]
      .join(`\n${indent}`)
      .replace(/[ \t]+$/gm, "");
  }

  /** A declaration, in which a type without a name is defined. */
  declared(type: Die | undefined, name: string, depth: number): string {
    const anonymous = nameless(type);
    if (anonymous === undefined || depth >= DEEPEST) return this.types.declare(type, name);
    const placeholder = `${keyword(anonymous)} {...}`;
    const text = this.types.declare(type, name);
    const at = text.indexOf(placeholder);
    if (at < 0) return text;
    const body = this.body(anonymous, depth);
    this.types.budget.spend(anonymous, body.length);
    return text.slice(0, at) + body + text.slice(at + placeholder.length);
  }

  #members(die: Die, depth: number): string[] {
    const lines: string[] = [];
    const layout = typeLayout(die);
    const places = new Map(layout.members.map((member) => [member.die.offset, member]));
    const made = this.#attributes && isC(die) ? layoutAttributes(die) : undefined;
    for (const child of die.children()) {
      const member = places.get(child.offset);
      if (this.#layout && member !== undefined && member.hole > 0)
        lines.push(`/* XXX ${bits(member.hole)} hole */`);
      const gap = made?.gaps.get(child.offset);
      if (gap !== undefined)
        lines.push(`${this.types.declare(child.attribute(DW_AT.DW_AT_type)?.reference)} : ${gap};`);
      const declared = this.#member(child, depth + 1);
      if (declared === undefined) continue;
      const text = `${declared}${aligned(made?.members.get(child.offset))};`;
      lines.push(member === undefined ? text : this.#placed(text, member, depth));
    }
    if (this.#layout) lines.push(...summary(layout));
    return lines;
  }

  #member(die: Die, depth: number): string | undefined {
    const type = die.attribute(DW_AT.DW_AT_type)?.reference;
    switch (die.tag) {
      case DW_TAG.DW_TAG_member: {
        const width = number(die.attribute(DW_AT.DW_AT_bit_size));
        const isStatic = die.attribute(DW_AT.DW_AT_external) !== undefined;
        const text = this.declared(type, die.name ?? "", depth);
        return (isStatic ? "static " : "") + text + (width === undefined ? "" : ` : ${width}`);
      }
      case DW_TAG.DW_TAG_variable:
        return `static ${this.declared(type, die.name ?? "", depth)}`;
      case DW_TAG.DW_TAG_subprogram:
        if (die.attribute(DW_AT.DW_AT_artificial)?.flag === true) return undefined;
        return this.#method(die);
      default:
        return undefined;
    }
  }

  #method(die: Die): string {
    const virtual = Number(number(die.attribute(DW_AT.DW_AT_virtuality)) ?? 0n) > 0 ? "virtual " : "";
    const text = this.types.declare(die);
    const isMaker = die.name === die.parent?.name?.replace(/<.*/, "") || die.name?.startsWith("~") === true;
    return virtual + (isMaker ? text.replace(/^void /, "") : text);
  }

  #enumerators(die: Die): string[] {
    const lines: string[] = [];
    let next = 0n;
    for (const child of die.children()) {
      if (child.tag !== DW_TAG.DW_TAG_enumerator) continue;
      const value = number(child.attribute(DW_AT.DW_AT_const_value));
      const name = child.name ?? "";
      lines.push(value === undefined || value === next ? `${name},` : `${name} = ${value},`);
      next = (value ?? next) + 1n;
    }
    return lines;
  }

  /** ` : public base`, and the type beneath an enumeration of C++. */
  #bases(die: Die): string {
    if (die.tag === DW_TAG.DW_TAG_enumeration_type) {
      const type = die.attribute(DW_AT.DW_AT_type)?.reference;
      return die.attribute(DW_AT.DW_AT_enum_class)?.flag === true && type !== undefined
        ? ` : ${this.types.declare(type)}`
        : "";
    }
    const bases: string[] = [];
    for (const child of die.children()) {
      if (child.tag !== DW_TAG.DW_TAG_inheritance) continue;
      const virtual = Number(number(child.attribute(DW_AT.DW_AT_virtuality)) ?? 0n) > 0 ? "virtual " : "";
      bases.push(virtual + this.types.declare(child, ""));
    }
    return bases.length === 0 ? "" : ` : ${bases.join(", ")}`;
  }

  #placed(text: string, { offset, size, isBitField }: MemberLayout, depth: number): string {
    if (!this.#layout || offset === undefined) return text;
    const place = isBitField ? `${Math.floor(offset / 8)}:${offset % 8}` : String(offset / 8);
    const extent = size === undefined ? "" : isBitField ? `${size} bits` : String(size / 8);
    // The last of several lines has its indentation already.
    const line = text.lastIndexOf("\n") + 1;
    const indent = line === 0 ? depth * INDENT.length : -INDENT.length;
    return `${text}${" ".repeat(Math.max(1, COMMENTS - (text.length - line) - indent))}/* ${place.padStart(6)} ${extent.padStart(6)} */`;
  }
}

/** Those of a whole structure, union or enumeration of C; nothing for `undefined`. */
function wholeAttributes(die: Die | undefined): string {
  if (die === undefined) return "";
  if (die.tag === DW_TAG.DW_TAG_enumeration_type) {
    const size = number(die.attribute(DW_AT.DW_AT_byte_size));
    return size !== undefined && size < INT ? PACKED : "";
  }
  const made = layoutAttributes(die);
  return (made.isPacked ? PACKED : "") + aligned(made.aligned);
}

/** ` __attribute__((aligned(8)))`; nothing without a number. */
function aligned(bytes: number | undefined): string {
  return bytes === undefined ? "" : ` __attribute__((aligned(${bytes})))`;
}

function summary({ size, padding, members }: TypeLayout): string[] {
  const lines = padding > 0 && members.length > 0 ? [`/* XXX ${bits(padding)} padding */`] : [];
  return [...lines, "", `/* size: ${size ?? "unknown"}, members: ${members.length} */`];
}

function bits(count: number): string {
  return count % 8 === 0 ? `${count / 8}-byte` : `${count}-bit`;
}

/** The structure, union or enumeration without a name that a type is made of, through pointers and arrays. */
function nameless(die: Die | undefined): Die | undefined {
  let type = die;
  for (let step = 0; type !== undefined && step < DEEPEST; step++) {
    if (keyword(type) !== undefined) {
      const whole = completed(type);
      return whole.name === undefined ? whole : undefined;
    }
    if (type.tag === DW_TAG.DW_TAG_typedef) return undefined;
    type = type.attribute(DW_AT.DW_AT_type)?.reference;
  }
  return undefined;
}
