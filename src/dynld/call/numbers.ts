/** Numbers: what JavaScript values they may be given as, and how they lie in memory. */
import { declaration } from "../ctype/declaration.ts";
import { valueKind } from "../ctype/value-kind.ts";
import { bare, type CEnum, type CType } from "../ctype.ts";
import { refuse } from "./argument-error.ts";
import type { Access } from "./model.ts";

/** An integer's range. */
export interface IntegerForm {
  readonly bits: number;
  readonly isSigned: boolean;
  /** Whether values are `bigint`, as those of 64 bits are. */
  readonly isWide: boolean;
}

/** Checks a value and makes it what its type has; throws an {@link ArgumentError} otherwise. */
export type Convert = (value: unknown, where: string) => unknown;

/** The range of an integer, character or enumeration; `undefined` of other types. */
export function integerForm(type: CType): IntegerForm | undefined {
  const value = valueKind(type);
  if (value.kind === "enum") {
    return { bits: 8 * value.size, isSigned: value.type.isSigned, isWide: value.size === 8 };
  }
  if ((value.kind !== "number" && value.kind !== "bigint") || value.encoding === "float") return undefined;
  return { bits: 8 * value.size, isSigned: value.encoding === "signed", isWide: value.kind === "bigint" };
}

/**
 * What an integer may be given as: a whole `number` or a `bigint` in range; a `char` as one character, an enumeration by
 * the name of a constant.
 */
export function integerConvert(type: CType, form: IntegerForm): Convert {
  const { bits, isSigned, isWide } = form;
  const least = isSigned ? -(1n << BigInt(bits - 1)) : 0n;
  const most = (1n << BigInt(isSigned ? bits - 1 : bits)) - 1n;
  const found = bare(type);
  const isCharacter = found.kind === "base" && (found.name === "char" || found.encoding === "character");
  let names: ReadonlyMap<string, bigint> | undefined;
  const named = (text: string): bigint | undefined => {
    if (found.kind !== "enum") return isCharacter ? codeOf(text) : undefined;
    names ??= namesOf(found);
    return names.get(text);
  };
  const [low, high] = [Number(least), Number(most)];
  return (given, where) => {
    if (!isWide && typeof given === "number" && given >= low && given <= high && Number.isInteger(given))
      return given;
    let value: bigint | undefined;
    if (typeof given === "bigint") value = given;
    else if (typeof given === "number" && Number.isSafeInteger(given)) value = BigInt(given);
    else if (typeof given === "string") value = named(given);
    if (value === undefined || value < least || value > most) {
      const other = found.kind === "enum" ? someNames(found) : isCharacter ? " or a character" : "";
      return refuse(where, given, `${declaration(type)}, ${least} to ${most}${other}`);
    }
    return isWide ? value : Number(value);
  };
}

/** `true` or `false` only. */
export function boolConvert(type: CType): Convert {
  return (value, where) => (typeof value === "boolean" ? value : refuse(where, value, declaration(type)));
}

/** Any `number`. */
export function floatConvert(type: CType): Convert {
  return (value, where) => (typeof value === "number" ? value : refuse(where, value, declaration(type)));
}

/** A number in memory; `undefined` of types that are none. */
export function numberAccess(type: CType): Access | undefined {
  const value = valueKind(type);
  const form = integerForm(type);
  if (form !== undefined) {
    const views = form.isSigned ? SIGNED : UNSIGNED;
    return accessOf(form.bits / 8, views[form.bits / 8], integerConvert(type, form));
  }
  if (value.kind === "boolean") return accessOf(value.size, BOOLS[value.size], boolConvert(type));
  return value.kind === "number" ? accessOf(value.size, FLOATS[value.size], floatConvert(type)) : undefined;
}

interface NumberView {
  readonly get: (view: DataView, offset: number) => unknown;
  readonly set: (view: DataView, offset: number, value: unknown) => void;
}

type NumberViews = Readonly<Record<number, NumberView>>;

function accessOf(size: number, view: NumberView | undefined, convert: Convert): Access | undefined {
  if (view === undefined) return undefined;
  const { get, set } = view;
  return {
    size,
    read: (memory, offset) => get(memory.view, offset),
    plain: (memory, offset) => get(memory.view, offset),
    write: (memory, offset, value, where) => set(memory.view, offset, convert(value, where)),
  };
}

// Native code is called only where machines are little-endian.
const FLOATS: NumberViews = {
  4: {
    get: (view, at) => view.getFloat32(at, true),
    set: (view, at, value) => view.setFloat32(at, value as number, true),
  },
  8: {
    get: (view, at) => view.getFloat64(at, true),
    set: (view, at, value) => view.setFloat64(at, value as number, true),
  },
};

const BOOLS: NumberViews = {
  1: {
    get: (view, at) => view.getUint8(at) !== 0,
    set: (view, at, value) => view.setUint8(at, value === true ? 1 : 0),
  },
};

const SIGNED: NumberViews = {
  1: { get: (view, at) => view.getInt8(at), set: (view, at, value) => view.setInt8(at, value as number) },
  2: {
    get: (view, at) => view.getInt16(at, true),
    set: (view, at, value) => view.setInt16(at, value as number, true),
  },
  4: {
    get: (view, at) => view.getInt32(at, true),
    set: (view, at, value) => view.setInt32(at, value as number, true),
  },
  8: {
    get: (view, at) => view.getBigInt64(at, true),
    set: (view, at, value) => view.setBigInt64(at, value as bigint, true),
  },
};

const UNSIGNED: NumberViews = {
  1: { get: (view, at) => view.getUint8(at), set: (view, at, value) => view.setUint8(at, value as number) },
  2: {
    get: (view, at) => view.getUint16(at, true),
    set: (view, at, value) => view.setUint16(at, value as number, true),
  },
  4: {
    get: (view, at) => view.getUint32(at, true),
    set: (view, at, value) => view.setUint32(at, value as number, true),
  },
  8: {
    get: (view, at) => view.getBigUint64(at, true),
    set: (view, at, value) => view.setBigUint64(at, value as bigint, true),
  },
};

function namesOf(type: CEnum): ReadonlyMap<string, bigint> {
  return new Map(type.enumerators.map(({ name, value }) => [name, value]));
}

function codeOf(text: string): bigint | undefined {
  const point = text.codePointAt(0);
  return point !== undefined && text === String.fromCodePoint(point) ? BigInt(point) : undefined;
}

const MOST_NAMES = 6;

function someNames({ enumerators }: CEnum): string {
  const some = enumerators.slice(0, MOST_NAMES).map(({ name }) => name);
  if (enumerators.length > MOST_NAMES) some.push("...");
  return some.length === 0 ? "" : ` or ${some.join(", ")}`;
}
