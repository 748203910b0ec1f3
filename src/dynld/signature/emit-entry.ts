/**
 * Canonical texts straight from the entries of C's debug information, as emit.ts makes them of types. Units that include the
 * same header have the same types again and again, so most of what a file's signatures cost is to find that out: here no
 * member, pointer or typedef becomes an object, and the text of each entry is made once.
 *
 * What is rare, or not of C, is left to emit.ts.
 */
import { findNul, InternTable } from "../../bytes/text.ts";
import { DW_AT } from "../../dwarf/constants/attribute.ts";
import { DW_FORM } from "../../dwarf/constants/form.ts";
import { DW_TAG } from "../../dwarf/constants/tag.ts";
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import { EntryFacts } from "../ctype/entry-facts.ts";
import { type CTypeReader, countOf } from "../ctype/read.ts";
import { isRecord } from "../ctype.ts";
import {
  type CDefined,
  definitionStart,
  Emitter,
  type Pieces,
  QUALIFIER_BITS,
  QUALIFIER_LETTERS,
  quoted,
} from "./emit.ts";

/** Types within one another, up to the next structure; what has more is left to emit.ts, which refuses it. */
const DEEPEST = 200;
/** Characters or pieces of one type's text; what has more is left to emit.ts, which counts them. */
const LONGEST = 1 << 16;
/** Instead of qualifiers: those that are met are not part of the type. */
const DROPPED = -1;

/** Names in quotes. Units that include the same header have the same ones. */
const QUOTED = new InternTable(1 << 14, quoted);

/** Text alone, or with definitions in it. */
type Written = string | Pieces;

/** Makes the texts of one file's definitions. */
export class EntryEmitter {
  readonly #reader: CTypeReader;
  readonly #units = new Map<DwarfUnit, UnitTexts>();
  #last: UnitTexts | undefined;

  constructor(reader: CTypeReader) {
    this.#reader = reader;
  }

  /** The pieces of a definition of C; `undefined` of one that emit.ts has to go through. @throws DwarfError */
  definition(type: CDefined): Pieces | undefined {
    const { entry } = type;
    if (entry === undefined || !this.#reader.isUnitOfC(entry.unit)) return undefined;
    if (this.#last?.unit !== entry.unit) {
      let texts = this.#units.get(entry.unit);
      if (texts === undefined) {
        texts = new UnitTexts(this.#reader, entry.unit);
        this.#units.set(entry.unit, texts);
      }
      this.#last = texts;
    }
    return this.#last.definition(type, entry.offset);
  }
}

/** The texts of one unit's entries. */
class UnitTexts {
  readonly unit: DwarfUnit;
  readonly #reader: CTypeReader;
  readonly #at: EntryCursor;
  readonly #facts = new EntryFacts();
  /** By where they begin. */
  readonly #texts = new Map<number, Written>();
  /** `.debug_str`, once a name was there. */
  #strings: Uint8Array | undefined;
  readonly #emitter = new Emitter();

  constructor(reader: CTypeReader, unit: DwarfUnit) {
    this.#reader = reader;
    this.unit = unit;
    this.#at = unit.entries();
  }

  definition(type: CDefined, offset: number): Pieces | undefined {
    if (!this.#at.moveTo(offset)) return undefined;
    return isRecord(type) ? this.#record(type) : this.#enumeration(type);
  }

  #record(type: CDefined): Pieces | undefined {
    const at = this.#at;
    const starts: string[] = [];
    const types: number[] = [];
    if (at.hasChildren) {
      for (let more = at.next(); more && at.depth > 0; more = at.nextSibling()) {
        if (at.tag !== DW_TAG.DW_TAG_member) continue;
        const member = this.#member(types);
        if (member === undefined) return undefined;
        starts.push(member);
      }
    }
    let text = definitionStart(type);
    const pieces: Pieces = [];
    for (const [index, start] of starts.entries()) {
      text += start;
      const written = this.#type(types[index] ?? -1, 0, 0);
      if (typeof written === "string") text += written;
      else {
        for (const piece of written) {
          if (typeof piece === "string") text += piece;
          else {
            if (text !== "") pieces.push(text);
            pieces.push(piece);
            text = "";
          }
        }
      }
      text += ";";
    }
    pieces.push(`${text}}`);
    return pieces;
  }

  /** What stands before the type of the member that the cursor is at, whose place is added to `types`; -1 is void. */
  #member(types: number[]): string | undefined {
    const at = this.#at;
    let name = "";
    let type = -1;
    let location = 0;
    let bits = -1;
    let bitOffset = -1;
    while (at.nextAttribute()) {
      switch (at.attribute) {
        case DW_AT.DW_AT_name:
          name = this.#name();
          break;
        case DW_AT.DW_AT_type:
          type = this.#reference();
          if (type < 0) return undefined;
          break;
        case DW_AT.DW_AT_data_member_location:
          location = this.#number();
          if (location < 0) return undefined;
          break;
        case DW_AT.DW_AT_bit_size:
          bits = this.#number();
          if (bits < 0) return undefined;
          break;
        case DW_AT.DW_AT_data_bit_offset:
          bitOffset = this.#number();
          if (bitOffset < 0) return undefined;
          break;
        case DW_AT.DW_AT_bit_offset:
        case DW_AT.DW_AT_external:
        case DW_AT.DW_AT_declaration:
        case DW_AT.DW_AT_artificial:
          return undefined;
        default:
      }
    }
    types.push(type);
    if (bits < 0) return `${bitOffset < 0 ? location : bitOffset / 8}${name}`;
    return bitOffset < 0 ? undefined : `${bitOffset}:${bits}${name}`;
  }

  #enumeration(type: CDefined): Pieces | undefined {
    const { size = 4 } = type;
    const isSigned = type.kind === "enum" && type.isSigned;
    if (size < 1 || size > 4) return undefined;
    const at = this.#at;
    const spare = 32 - 8 * size;
    let text = definitionStart(type);
    if (at.hasChildren) {
      for (let more = at.next(); more && at.depth > 0; more = at.nextSibling()) {
        if (at.tag !== DW_TAG.DW_TAG_enumerator) continue;
        let [name, value] = ["''", 0];
        while (at.nextAttribute()) {
          if (at.attribute === DW_AT.DW_AT_name) name = this.#name() || "''";
          else if (at.attribute === DW_AT.DW_AT_const_value) value = at.low << spare;
        }
        text += `${name}${isSigned ? value >> spare : value >>> spare},`;
      }
    }
    return [`${text}}`];
  }

  /** The text of the type that begins at an offset. */
  #type(offset: number, qualifiers: number, depth: number): Written {
    if (offset < 0) return `${QUALIFIER_LETTERS[Math.max(qualifiers, 0)] ?? ""}v`;
    if (qualifiers === 0) {
      const known = this.#texts.get(offset);
      if (known !== undefined) return known;
    }
    const made = this.#make(offset, qualifiers, depth);
    if (made.length > LONGEST) return this.#other(offset, qualifiers);
    if (qualifiers === 0) this.#texts.set(offset, made);
    return made;
  }

  #make(offset: number, qualifiers: number, depth: number): Written {
    const at = this.#at;
    if (depth > DEEPEST || !at.moveTo(offset)) return this.#other(offset, qualifiers);
    const letters = QUALIFIER_LETTERS[Math.max(qualifiers, 0)] ?? "";
    switch (at.tag) {
      case DW_TAG.DW_TAG_pointer_type: {
        const of = this.#of();
        return of === undefined
          ? this.#other(offset, qualifiers)
          : before(`${letters}*`, this.#type(of, 0, depth + 1));
      }
      case DW_TAG.DW_TAG_typedef:
        return this.#through(offset, qualifiers, 0, depth);
      case DW_TAG.DW_TAG_const_type:
        return this.#through(offset, qualifiers, QUALIFIER_BITS.const, depth);
      case DW_TAG.DW_TAG_volatile_type:
        return this.#through(offset, qualifiers, QUALIFIER_BITS.volatile, depth);
      case DW_TAG.DW_TAG_restrict_type:
        return this.#through(offset, qualifiers, QUALIFIER_BITS.restrict, depth);
      case DW_TAG.DW_TAG_array_type:
        return this.#array(offset, Math.max(qualifiers, 0), depth);
      case DW_TAG.DW_TAG_subroutine_type:
        return this.#function(offset, depth);
      default:
        return this.#other(offset, qualifiers);
    }
  }

  /** What a typedef or qualified type is of. */
  #through(offset: number, qualifiers: number, bit: number, depth: number): Written {
    const of = this.#of();
    if (of === undefined) return this.#other(offset, qualifiers);
    return this.#type(of, qualifiers === DROPPED ? DROPPED : qualifiers | bit, depth + 1);
  }

  #array(offset: number, qualifiers: number, depth: number): Written {
    const at = this.#at;
    const facts = this.#facts;
    let of = -1;
    while (at.nextAttribute()) {
      if (at.attribute === DW_AT.DW_AT_GNU_vector) return this.#other(offset, qualifiers);
      if (at.attribute !== DW_AT.DW_AT_type) continue;
      of = this.#reference();
      if (of < 0) return this.#other(offset, qualifiers);
    }
    let counts = "";
    if (at.hasChildren) {
      for (let more = at.next(); more && at.depth > 0; more = at.nextSibling()) {
        if (at.tag !== DW_TAG.DW_TAG_subrange_type) return this.#other(offset, qualifiers);
        facts.read(this.unit, at);
        counts += `[${countOf(facts) ?? ""}]`;
      }
    }
    return before(counts === "" ? "[]" : counts, this.#type(of, qualifiers, depth + 1));
  }

  #function(offset: number, depth: number): Written {
    const at = this.#at;
    let result = -1;
    let isPrototyped = false;
    let hasDots = false;
    const parameters: number[] = [];
    while (at.nextAttribute()) {
      if (at.attribute === DW_AT.DW_AT_prototyped) isPrototyped = at.low !== 0;
      if (at.attribute !== DW_AT.DW_AT_type) continue;
      result = this.#reference();
      if (result < 0) return this.#other(offset, 0);
    }
    if (at.hasChildren) {
      for (let more = at.next(); more && at.depth > 0; more = at.nextSibling()) {
        if (at.tag === DW_TAG.DW_TAG_unspecified_parameters) hasDots = true;
        if (at.tag !== DW_TAG.DW_TAG_formal_parameter) continue;
        const of = this.#of();
        if (of === undefined) return this.#other(offset, 0);
        parameters.push(of);
      }
    }
    let written: Written = "(";
    for (const [index, parameter] of parameters.entries()) {
      if (index > 0) written = joined(written, ",");
      written = joined(written, this.#type(parameter, DROPPED, depth + 1));
    }
    const isVariadic = hasDots && (isPrototyped || parameters.length > 0);
    if (isVariadic) written = joined(written, parameters.length > 0 ? ",." : ".");
    else if (!isPrototyped && parameters.length === 0) written = joined(written, "?");
    return joined(joined(written, ")"), this.#type(result, DROPPED, depth + 1));
  }

  /** Numbers, definitions, and what is rare. */
  #other(offset: number, qualifiers: number): Written {
    const type = this.#reader.type({ unit: this.unit, offset });
    let at = type;
    // Qualifiers of parameters and results are not part of their types.
    for (let step = 0; qualifiers === DROPPED && step < DEEPEST; step++) {
      if (at.kind !== "typedef" && at.kind !== "qualified") break;
      at = at.type;
    }
    this.#emitter.type(at, { qualifiers: Math.max(qualifiers, 0) });
    const pieces = this.#emitter.take();
    const [only] = pieces;
    return pieces.length === 1 && typeof only === "string" ? only : pieces;
  }

  /** Where the type of the current entry begins; -1 of void, `undefined` where that is in another unit. */
  #of(): number | undefined {
    const at = this.#at;
    while (at.nextAttribute()) {
      if (at.attribute === DW_AT.DW_AT_type) {
        const of = this.#reference();
        return of < 0 ? undefined : of;
      }
    }
    return -1;
  }

  /** Where in the unit the current attribute leads; -1 elsewhere. */
  #reference(): number {
    const { form, low } = this.#at;
    switch (form) {
      case DW_FORM.DW_FORM_ref1:
      case DW_FORM.DW_FORM_ref2:
      case DW_FORM.DW_FORM_ref4:
      case DW_FORM.DW_FORM_ref8:
      case DW_FORM.DW_FORM_ref_udata:
        return low;
      default:
        return -1;
    }
  }

  /** A constant of 32 bits without a sign; -1 for others. */
  #number(): number {
    const { form, low, high } = this.#at;
    switch (form) {
      case DW_FORM.DW_FORM_data1:
      case DW_FORM.DW_FORM_data2:
      case DW_FORM.DW_FORM_data4:
        return low >>> 0;
      case DW_FORM.DW_FORM_data8:
      case DW_FORM.DW_FORM_udata:
      case DW_FORM.DW_FORM_sdata:
      case DW_FORM.DW_FORM_implicit_const:
        return high === 0 ? low >>> 0 : -1;
      default:
        return -1;
    }
  }

  /** The current attribute as a name in quotes; nothing where it is none. */
  #name(): string {
    const { form, low } = this.#at;
    const { dwarf, isSplit } = this.unit;
    if (form === DW_FORM.DW_FORM_strp && !isSplit) {
      this.#strings ??= dwarf.sections.need("debug_str", false).bytes;
      const bytes = this.#strings;
      const end = findNul(bytes, low);
      if (low < bytes.length && end >= 0) return QUOTED.get(bytes, low, end);
    }
    const name = dwarf.string(this.unit, this.#at);
    return name === undefined ? "" : quoted(name);
  }
}

function before(text: string, written: Written): Written {
  if (typeof written === "string") return text + written;
  const [first] = written;
  return typeof first === "string" ? [text + first, ...written.slice(1)] : [text, ...written];
}

function joined(start: Written, end: Written): Written {
  if (typeof start === "string") return before(start, end);
  const last = start.at(-1);
  if (typeof last !== "string") return typeof end === "string" ? [...start, end] : [...start, ...end];
  const more = before(last, end);
  return typeof more === "string" ? [...start.slice(0, -1), more] : [...start.slice(0, -1), ...more];
}
