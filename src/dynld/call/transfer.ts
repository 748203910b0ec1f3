/** How values of a type go into native code and come out of it. */
import type { NativeRecord, NativeScalar, NativeShape } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { isConst, valueKind } from "../ctype/value-kind.ts";
import type { CRecord, CType } from "../ctype.ts";
import { ArgumentError, refuse } from "./argument-error.ts";
import { functionAddress } from "./function-address.ts";
import { MEMORY, Memory } from "./memory.ts";
import type { ValueModel } from "./model.ts";
import {
  boolConvert,
  type Convert,
  floatConvert,
  type IntegerForm,
  integerConvert,
  integerForm,
} from "./numbers.ts";
import { isPointer, type PointerKind, pointerConvert, pointerReader, targetOf } from "./pointers.ts";
import { recordShape } from "./record-shape.ts";
import { isPlain, layoutOf, type Pieces, piecesOf, RecordView } from "./record-view.ts";
import { unsupported } from "./unsupported.ts";

/** How a value goes in. */
export interface Outgoing {
  readonly shape: NativeShape;
  /** Code that is true of a value that can go as it is; `$` stands for it. None when all are to be converted. */
  readonly test: string | undefined;
  readonly convert: Convert;
}

/** How a value comes out. */
export interface Incoming {
  readonly shape: NativeShape;
  /** `wide`: the number or bigint that stands for 64 bits becomes a bigint. */
  readonly form: "as it is" | "wide" | "converted";
  readonly convert: (raw: unknown) => unknown;
}

/** How long native code may use what a value leads to: for a call's duration, or longer than anyone knows. */
export type Lifetime = "call" | "unknown";

/**
 * How values of a type go in.
 * @param where the parameter, for errors
 * @throws DynldError DYNLD_UNSUPPORTED
 */
export function outgoing(model: ValueModel, type: CType, lifetime: Lifetime, where: string): Outgoing {
  const value = valueKind(type);
  const form = integerForm(type);
  if (form !== undefined) return outgoingInteger(type, form);
  if (value.kind === "boolean") {
    return { shape: "bool", test: 'typeof $ === "boolean"', convert: boolConvert(type) };
  }
  if (value.kind === "number") {
    const shape = value.size === 4 ? "float" : "double";
    return { shape, test: 'typeof $ === "number"', convert: floatConvert(type) };
  }
  if (value.kind === "record") return outgoingRecord(model, value.type, recordShape(value.type, where));
  if (isPointer(value)) return outgoingPointer(model, type, value, lifetime);
  throw unsupported(where, type);
}

/** How values of a type come out. @throws DynldError DYNLD_UNSUPPORTED */
export function incoming(model: ValueModel, type: CType, where: string): Incoming {
  const value = valueKind(type);
  const same = (raw: unknown): unknown => raw;
  const form = integerForm(type);
  if (form !== undefined) {
    return { shape: integerShape(form), form: form.isWide ? "wide" : "as it is", convert: same };
  }
  if (value.kind === "void") return { shape: "void", form: "as it is", convert: same };
  if (value.kind === "boolean") return { shape: "bool", form: "as it is", convert: same };
  if (value.kind === "number") {
    return { shape: value.size === 4 ? "float" : "double", form: "as it is", convert: same };
  }
  if (value.kind === "string") return { shape: "string", form: "as it is", convert: same };
  if (value.kind === "record") {
    const shape = recordShape(value.type, where);
    return { shape, form: "converted", convert: recordReader(model, value.type, shape) };
  }
  if (!isPointer(value)) throw unsupported(where, type);
  const read = pointerReader(model, type, value);
  return {
    shape: "pointer",
    form: value.kind === "address" ? "as it is" : "converted",
    convert: (raw) => (raw === null ? null : read(raw as bigint)),
  };
}

function integerShape({ bits, isSigned }: IntegerForm): NativeScalar {
  return `${isSigned ? "int" : "uint"}${bits}` as NativeScalar;
}

function outgoingInteger(type: CType, form: IntegerForm): Outgoing {
  const { bits, isSigned, isWide } = form;
  const clip = isWide
    ? `BigInt.as${isSigned ? "Int" : "Uint"}N(64, $)`
    : isSigned
      ? bits === 32
        ? "($ | 0)"
        : `($ << ${32 - bits} >> ${32 - bits})`
      : bits === 32
        ? "($ >>> 0)"
        : `($ & ${2 ** bits - 1})`;
  const test = `typeof $ === "${isWide ? "bigint" : "number"}" && ${clip} === $`;
  return { shape: integerShape(form), test, convert: integerConvert(type, form) };
}

function outgoingPointer(model: ValueModel, type: CType, value: PointerKind, lifetime: Lifetime): Outgoing {
  const convert = pointerConvert(type, value);
  const text = declaration(type);
  if (lifetime === "unknown") {
    return { shape: "pointer", test: undefined, convert: (given, where) => convert(given, where) };
  }
  if (value.kind === "string") {
    const orText = `a string or ${text}`;
    return {
      shape: "pointer",
      test: 'typeof $ === "string"',
      convert: (given, where) => convert(given, where, orText),
    };
  }
  if (value.kind === "function") return outgoingFunction(model, type, value, convert);
  if (value.kind === "view" && isConst(targetOf(type))) {
    const { type: record } = value;
    return {
      shape: "pointer",
      test: undefined,
      convert: (given, where) =>
        isPlain(given) ? temporary(model, record, given, where) : convert(given, where),
    };
  }
  return { shape: "pointer", test: undefined, convert: (given, where) => convert(given, where) };
}

/** A function of JavaScript's lives for the call; one that is to live longer is made a callback first. */
function outgoingFunction(
  model: ValueModel,
  type: CType,
  value: Extract<PointerKind, { kind: "function" }>,
  convert: Convert,
): Outgoing {
  let form: ReturnType<ValueModel["callback"]>;
  try {
    form = model.callback(value.type);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return {
      shape: "pointer",
      test: undefined,
      convert: (given, where) =>
        typeof given === "function" && functionAddress(given) === undefined
          ? refuse(where, given, `the address of a ${declaration(type)}, since ${why}`)
          : convert(given, where),
    };
  }
  return {
    shape: form.signature,
    test: undefined,
    convert: (given, where) =>
      typeof given === "function" && functionAddress(given) === undefined
        ? form.wrap(given as (...args: never[]) => unknown)
        : convert(given, where),
  };
}

function outgoingRecord(model: ValueModel, record: CRecord, shape: NativeRecord): Outgoing {
  const split = (memory: Memory): Pieces => {
    const { buffer, byteOffset } = memory.view;
    return Object.fromEntries(
      shape.pieces.map(({ offset, size }, index) => [
        `p${index}`,
        new Uint8Array(buffer, byteOffset + offset, size),
      ]),
    );
  };
  const access = model.access(record, false);
  return {
    shape,
    test: undefined,
    convert: (given, where) => {
      if (given instanceof RecordView && layoutOf(given).record === record) return piecesOf(given, split);
      const memory = Memory.allocate(shape.size);
      access.write(memory, 0, given, where);
      return split(memory);
    },
  };
}

function recordReader(model: ValueModel, record: CRecord, shape: NativeRecord): (raw: unknown) => unknown {
  const { size, pieces } = shape;
  return (raw) => {
    const parts = Object.values(raw as Record<string, ArrayBufferView<ArrayBuffer>>);
    const [first] = parts;
    if (first !== undefined && first.byteLength === size) {
      return model.record(record, Memory.of(first.buffer, first.byteOffset, size), false);
    }
    const memory = Memory.allocate(size);
    const { bytes } = memory;
    parts.forEach(({ buffer, byteOffset, byteLength }, index) => {
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), pieces[index]?.offset ?? 0);
    });
    return model.record(record, memory, false);
  };
}

/** A structure that lives for a call. */
function temporary(model: ValueModel, record: CRecord, given: object, where: string): DataView {
  const { size } = record;
  if (size === undefined) throw new ArgumentError(where, "found an object, expected a view");
  const memory = Memory.allocate(size);
  model.access(record, false).write(memory, 0, given, where);
  const view = model.record(record, memory, false);
  return (view as RecordView)[MEMORY].view;
}
