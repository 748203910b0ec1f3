/** Views of structures and unions: objects whose properties are the members in native memory. */
import { inspect } from "node:util";
import { declaration } from "../ctype/declaration.ts";
import { isConst } from "../ctype/value-kind.ts";
import { bare, type CMember, type CRecord, isRecord } from "../ctype.ts";
import { ArgumentError, refuse } from "./argument-error.ts";
import { bitFieldAccess } from "./bit-field.ts";
import { type InMemory, MEMORY, Memory } from "./memory.ts";
import type { Field, RecordFields, ValueModel } from "./model.ts";
import { sameRecord } from "./same-record.ts";

/** What is known of all views of one type. */
export interface RecordLayout extends RecordFields {
  readonly isReadOnly: boolean;
}

const LAYOUT: unique symbol = Symbol("layout");
const PIECES: unique symbol = Symbol("pieces");

/** Buffers over what travels when a structure is passed by value. */
export type Pieces = Readonly<Record<string, Uint8Array>>;

/**
 * A structure or union in memory. Its properties are its members: what is read is in memory now, what is assigned is
 * written there. Each look at a place makes another view of it.
 */
export abstract class RecordView implements InMemory {
  readonly [MEMORY]: Memory;
  declare readonly [LAYOUT]: RecordLayout;
  /** Made when it is first passed by value. */
  [PIECES]: Pieces | undefined;

  constructor(memory: Memory) {
    this[MEMORY] = memory;
    this[PIECES] = undefined;
  }

  /** What `console.log` shows: the members; pointers are not followed. */
  [inspect.custom](): object {
    return snapshot(this);
  }
}

// Who mistypes a member's name would write nowhere.
Object.setPrototypeOf(
  RecordView.prototype,
  new Proxy(Object.prototype, {
    set: (_, name, _value, view: RecordView) => {
      const where = `${view[LAYOUT].name}: .${String(name)}`;
      throw new ArgumentError(where, "found an assignment, expected none: there is no such member");
    },
  }),
);

/** A class of views. */
export interface RecordClass {
  readonly view: new (memory: Memory) => RecordView;
  readonly layout: RecordLayout;
}

/** A class for the views of a complete structure. */
export function recordClass(model: ValueModel, record: CRecord, isReadOnly: boolean): RecordClass {
  const name = declaration(record);
  const fields = new Map<string, Field>();
  addFields(fields, model, record, 0, isReadOnly, 0);
  const view = class extends RecordView {};
  const layout: RecordLayout = { name, record, isReadOnly, fields };
  Object.defineProperty(view, "name", { value: record.tag ?? record.keyword });
  Object.defineProperty(view.prototype, LAYOUT, { value: layout });
  for (const [field, { access, offset, isReadOnly: isFixed }] of fields) {
    const where = `${name}: .${field}`;
    Object.defineProperty(view.prototype, field, {
      enumerable: true,
      configurable: true,
      get(this: RecordView) {
        try {
          return access.read(this[MEMORY], offset);
        } catch (error) {
          throw this[MEMORY].failure(error);
        }
      },
      set(this: RecordView, value: unknown) {
        if (isFixed) throw new ArgumentError(where, "found an assignment, expected none: it is const");
        try {
          access.write(this[MEMORY], offset, value, where);
        } catch (error) {
          throw this[MEMORY].failure(error);
        }
      },
    });
  }
  return { view, layout };
}

/** What is known of a view's type. */
export function layoutOf(view: RecordView): RecordLayout {
  return view[LAYOUT];
}

/**
 * The members of a view's structure at this moment, as a plain object. Pointers in it are addresses, or `null`.
 * @throws ArgumentError of what is no view
 */
export function snapshot(view: object): Record<string, unknown> {
  if (!(view instanceof RecordView)) refuse("snapshot", view, "a view of a structure");
  return plainRecord(view[LAYOUT], view[MEMORY], 0);
}

/** The members of a structure in memory as a plain object. */
export function plainRecord(
  { fields }: RecordLayout,
  memory: Memory,
  offset: number,
): Record<string, unknown> {
  const members: [string, unknown][] = [];
  for (const [name, field] of fields) members.push([name, field.access.plain(memory, offset + field.offset)]);
  return Object.fromEntries(members);
}

/**
 * Writes a structure: the bytes of a view of the same type, or the members of a plain object, of which those that it lacks
 * become 0.
 * @throws ArgumentError, with the memory as it was
 */
export function writeRecord(
  { record, fields, name }: RecordLayout,
  memory: Memory,
  offset: number,
  value: unknown,
  where: string,
): void {
  if (value instanceof RecordView && sameRecord(value[LAYOUT].record, record)) {
    memory.copy(value[MEMORY], offset);
    return;
  }
  if (!isPlain(value)) refuse(where, value, `${name}: a view of one, or an object with its members`);
  const members = Object.entries(value);
  if (record.kind === "union" && members.length > 1) {
    throw new ArgumentError(where, `found ${members.length} members of ${name}, expected one`);
  }
  const next = Memory.allocate(record.size ?? 0);
  for (const [member, content] of members) {
    const field = fields.get(member);
    if (field === undefined) {
      throw new ArgumentError(where, `found member "${member}", which ${name} does not have`);
    }
    field.access.write(next, field.offset, content, `${where}: .${member}`);
  }
  memory.copy(next, offset);
}

/** Whether a value is an object as `{}` makes one. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The buffers that a view travels in by value, made once by `make`. */
export function piecesOf(view: RecordView, make: (memory: Memory) => Pieces): Pieces {
  const pieces = view[PIECES] ?? make(view[MEMORY]);
  view[PIECES] = pieces;
  return pieces;
}

/** Nameless structures in one another before they are taken for a loop. */
const DEEPEST = 64;

/** @param bits where the structure begins in the one that its members are added to */
function addFields(
  fields: Map<string, Field>,
  model: ValueModel,
  record: CRecord,
  bits: number,
  isReadOnly: boolean,
  depth: number,
): void {
  const inner: [CMember, CRecord][] = [];
  for (const member of record.members) {
    const { name, role, type, bitOffset, bitSize } = member;
    if (bitOffset === undefined || role === "vtable" || role === "variant") continue;
    const found = bare(type);
    if (name === undefined) {
      if (isRecord(found)) inner.push([member, found]);
      continue;
    }
    if (fields.has(name)) continue;
    const isFixed = isReadOnly || isConst(type);
    const place = bits + bitOffset;
    const field =
      bitSize === undefined
        ? { access: model.access(type, isFixed), offset: place / 8, isBitField: false }
        : { access: bitFieldAccess(member, place, bitSize), offset: 0, isBitField: true };
    fields.set(name, { type, ...field, isReadOnly: isFixed });
  }
  if (depth >= DEEPEST) return;
  // A member of a derived class stands before one of a base class with the same name.
  for (const [{ type, bitOffset }, found] of inner) {
    addFields(fields, model, found, bits + (bitOffset ?? 0), isReadOnly || isConst(type), depth + 1);
  }
}
